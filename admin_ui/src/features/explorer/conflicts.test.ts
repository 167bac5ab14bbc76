import { expect, test } from 'vitest';
import { askAboutConflicts, question } from './conflicts';

const others = () => 2;

async function asked() {
  // The next question comes after the promise of the one before.
  for (let turns = 0; turns < 10 && question.get() === null; turns += 1) await Promise.resolve();
  return question.get();
}

test('questions of two operations wait for one another, and each gets its answer', async () => {
  const [one, other] = [askAboutConflicts('one'), askAboutConflicts('other')];
  const answers = Promise.all([one('a', others), other('b', others), one('c', others)]);
  expect(await asked()).toMatchObject({ bucket: 'one', key: 'a', others: 2 });
  question.get()?.answer('replace', false);
  expect(await asked()).toMatchObject({ bucket: 'other', key: 'b' });
  question.get()?.answer('skip', false);
  expect(await asked()).toMatchObject({ bucket: 'one', key: 'c' });
  question.get()?.answer('keep', false);
  expect(await answers).toEqual(['replace', 'skip', 'keep']);
  expect(question.get()).toBeNull();
});

test('an answer for all is for the operation that asked, and for no other', async () => {
  const [one, other] = [askAboutConflicts('one'), askAboutConflicts('other')];
  const answers = Promise.all([one('a', others), one('b', others), other('c', others)]);
  await asked();
  question.get()?.answer('replace', true);
  expect(await asked()).toMatchObject({ bucket: 'other', key: 'c' });
  question.get()?.answer('keep', true);
  expect(await answers).toEqual(['replace', 'replace', 'keep']);
});
