import { expect, test } from 'vitest';
import { mimeProblem, nameProblem } from './bucketRule';

test.each(['a', 'user files', "it's (1)?", 'A.b-c_d', 'x'.repeat(100)])('a bucket may be called %s', (name) => {
  expect(nameProblem(name)).toBeNull();
});

test.each(['', ' a', 'a ', '.', '..', 'a/b', 'ä', 'x'.repeat(101), 'a#b', 'x--table-s3', 'a\nb'])(
  'a bucket may not be called %j',
  (name) => {
    expect(nameProblem(name)).not.toBeNull();
  },
);

test('types and patterns of types are told from other text', () => {
  expect(['image/png', 'image/*', 'application/vnd.api+json', '*'].map(mimeProblem)).toEqual([null, null, null, null]);
  expect(['png', 'image/', '/png', 'a b/c', ''].every((type) => mimeProblem(type))).toBe(true);
});
