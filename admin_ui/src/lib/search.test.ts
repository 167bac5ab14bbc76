import { expect, test } from 'vitest';
import { bucketsSearch, eventsSearch, explorerSearch, jobsSearch, safeNext, simulatorSearch } from './search';

test.each(['https://elsewhere.example', '//elsewhere.example', '/\\elsewhere.example', 'x', '', '/login?next=/', '/\t/x'])(
  'after signing in %j leads to the first page',
  (next) => {
    expect(safeNext(next)).toBe('/');
  },
);

test('after signing in the reader is where they wanted to be', () => {
  expect(safeNext('/buckets/reports/2026?preview=q1.pdf')).toBe('/buckets/reports/2026?preview=q1.pdf');
});

test('what does not fit is left out', () => {
  expect(explorerSearch({ q: 7, sort: 'size', tab: ['x'], scope: 'bucket', other: 1 })).toEqual({ q: '7', scope: 'bucket' });
  expect(jobsSearch({ kind: 'folder.move', state: 'lost' })).toEqual({ kind: 'folder.move' });
  expect(bucketsSearch({ q: {}, order: 'up' })).toEqual({});
});

test('a simulator address never holds a token', () => {
  expect(simulatorSearch({ op: 'upload', jwt: 'a.b.c', name: 'x' })).toEqual({ op: 'upload', name: 'x' });
});

test('flags are true or absent', () => {
  expect(eventsSearch({ denied: 'true', paused: false })).toEqual({ denied: true });
});
