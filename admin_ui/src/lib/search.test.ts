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

test('what does not fit takes the place of what the address says', () => {
  const raw = { kind: 'nothing', state: 'lost' };
  expect({ ...raw, ...jobsSearch(raw) }).toEqual({});
});

test('a simulator address never holds a token', () => {
  expect(simulatorSearch({ op: 'upload', jwt: 'a.b.c', name: 'x' })).toEqual({ op: 'upload', name: 'x' });
});

test('a size in an address is a number of bytes or nothing', () => {
  expect(simulatorSearch({ size: '20', upsert: 'true' })).toEqual({ size: 20, upsert: true });
  expect([{ size: -1 }, { size: 'x' }, { size: 1.5 }].map(simulatorSearch)).toEqual([{}, {}, {}]);
});

test('who asks for denials only asks for no type', () => {
  expect(eventsSearch({ type: 'ObjectCreated:', denied: true })).toEqual({ denied: true });
  expect(eventsSearch({ type: 'ObjectCreated:' })).toEqual({ type: 'ObjectCreated:' });
});

test('flags are true or absent', () => {
  expect(eventsSearch({ denied: 'true', paused: false })).toEqual({ denied: true });
});
