import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { type Steady, steadily } from './steadily';

const PAUSE_MS = 100;
const LONG_MS = 1000;
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

let takesMs = 0;
let runs = 0;
let most = 0;
let running = 0;
let steady: Steady;

async function act(): Promise<void> {
  runs += 1;
  running += 1;
  most = Math.max(most, running);
  await new Promise((resolve) => setTimeout(resolve, takesMs));
  running -= 1;
}

beforeEach(() => {
  vi.useFakeTimers();
  [takesMs, runs, most, running] = [0, 0, 0, 0];
  steady = steadily(PAUSE_MS, act);
});

afterEach(() => vi.useRealTimers());

it('what is asked for many times at once runs once, after the pause', async () => {
  for (let asked = 0; asked < 10; asked += 1) steady.ask();
  await wait(PAUSE_MS - 1);
  expect(runs).toBe(0);
  await wait(PAUSE_MS * 5);
  expect(runs).toBe(1);
});

it('what is asked for while it runs is not interrupted, and runs once more afterwards', async () => {
  takesMs = LONG_MS;
  steady.ask();
  await wait(PAUSE_MS + 10);
  for (let asked = 0; asked < 10; asked += 1) steady.ask();
  await wait(LONG_MS * 10);
  expect([runs, most]).toEqual([2, 1]);
});

it('what takes long runs more seldom, however often it is asked for', async () => {
  takesMs = LONG_MS;
  for (let passed = 0; passed < 20 * LONG_MS; passed += PAUSE_MS) {
    steady.ask();
    await wait(PAUSE_MS);
  }
  expect(runs).toBe(4);
});

it('nothing runs after it was stopped, also what was asked for while it ran', async () => {
  takesMs = LONG_MS;
  steady.ask();
  await wait(PAUSE_MS + 10);
  steady.ask();
  steady.stop();
  await wait(LONG_MS * 10);
  expect(runs).toBe(1);
});
