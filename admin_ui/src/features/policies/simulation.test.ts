import { expect, test } from 'vitest';
import { draftOf, problemOf, searchOf, toRequest } from './simulation';

test('an address becomes a form and an address again', () => {
  const search = { op: 'move', role: 'authenticated', sub: 'u1', bucket: 'b', name: 'a.txt', to: 'c.txt' };
  expect(searchOf(draftOf(search))).toEqual(search);
});

test('what was refused for its type or size is asked with both', () => {
  const refused = { op: 'upload', role: 'anon', bucket: 'b', name: 'a.txt', size: 1536, mime: 'text/plain' };
  expect(searchOf(draftOf(refused))).toEqual(refused);
  expect(toRequest(draftOf(refused))).toEqual(refused);
  const copy = { op: 'copy', role: 'anon', bucket: 'b', name: 'a.txt', to: 'c.txt', upsert: true } as const;
  expect(searchOf(draftOf(copy))).toEqual(copy);
});

test('unknown words in an address do no harm', () => {
  expect(draftOf({ op: 'destroy', role: 'root' })).toMatchObject({ op: 'download', who: 'authenticated' });
});

test('tokens and claims never get into the address', () => {
  const draft = { ...draftOf({ bucket: 'b', name: 'n' }), who: 'jwt' as const, jwt: 'a.b.c', claims: '{"secret": 1}' };
  expect(JSON.stringify(searchOf(draft))).not.toMatch(/a\.b\.c|secret/);
  expect(toRequest(draft)).toEqual({ op: 'download', jwt: 'a.b.c', bucket: 'b', name: 'n' });
});

test('only what the operation takes is asked', () => {
  const draft = {
    ...draftOf({ op: 'upload', bucket: 'b', name: 'n', to: 'x', sub: 'u1' }),
    size: { amount: '2', unit: 'KiB' as const },
    mime: 'image/png',
    claims: '{"team": "blue"}',
  };
  expect(toRequest(draft)).toEqual({
    op: 'upload',
    role: 'authenticated',
    sub: 'u1',
    claims: { team: 'blue' },
    bucket: 'b',
    name: 'n',
    size: 2048,
    mime: 'image/png',
  });
  expect(toRequest({ ...draft, op: 'bucket.list', who: 'anon' })).toEqual({ op: 'bucket.list', role: 'anon' });
});

test('what is missing is said', () => {
  const draft = draftOf({ bucket: 'b', name: 'n' });
  expect(problemOf(draft)).toBeNull();
  expect(problemOf({ ...draft, bucket: '' })).toBe('Name a bucket.');
  expect(problemOf({ ...draft, name: '' })).toBe('Name an object.');
  expect(problemOf({ ...draft, op: 'list', name: '' })).toBeNull();
  expect(problemOf({ ...draft, op: 'copy' })).toBe('Say where it goes.');
  expect(problemOf({ ...draft, claims: '[]' })).toMatch(/JSON object/);
  expect(problemOf({ ...draft, who: 'jwt' })).toBe('Paste a JWT.');
});
