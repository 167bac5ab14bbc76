import { expect, test } from 'vitest';
import { batcher } from './batch';

test('what is asked for in one turn is loaded together, at most so many, each once', async () => {
  const loads: (readonly string[])[] = [];
  const load = batcher(2, async (keys) => {
    loads.push(keys);
    return new Map(keys.map((key) => [key, key.toUpperCase()]));
  });
  expect(await Promise.all(['a', 'a', 'b', 'c'].map(load))).toEqual(['A', 'A', 'B', 'C']);
  expect(loads).toEqual([['a'], ['b', 'c']]);
});

test('a failure reaches everybody who waits, and the next turn is free of it', async () => {
  let fails = true;
  const load = batcher(9, async (keys) => {
    if (fails) throw new Error('down');
    return new Map(keys.map((key) => [key, 1]));
  });
  const answers = await Promise.allSettled([load('a'), load('b')]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await load('a')).toBe(1);
});

test('what was not found is undefined', async () => {
  expect(await batcher(9, async () => new Map())('a')).toBeUndefined();
});
