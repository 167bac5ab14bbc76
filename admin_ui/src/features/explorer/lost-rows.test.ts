import { expect, test } from 'vitest';
import { type Listing, positions } from '../../lib/listing';
import { NO_SELECTION, type SelectionState } from '../../lib/selection';
import { forgetLost, type KnownRows } from './lost-rows';

function rows(keys: string): KnownRows {
  const objects = [...keys].map((key) => ({
    ...{ kind: 'object' as const, key, label: key, sizeBytes: 1, mimeType: 'text/plain', updatedAt: '' },
  }));
  const listing: Listing = { folders: [], objects, progress: 'complete' };
  return { listing, indexOf: (key) => positions(listing).get(key) ?? -1 };
}

function state(cursor: string | null, selected: string): SelectionState {
  return { ...NO_SELECTION, cursor, selection: { all: false, keys: new Set(selected) } };
}

test('nothing changes while every marked row is there', () => {
  expect(forgetLost(rows('abc'), rows('ac'), state('a', 'c'))).toBeNull();
});

test('the cursor goes to the row that took its place', () => {
  expect(forgetLost(rows('abcde'), rows('abe'), state('d', 'cd'))).toEqual({
    ...{ type: 'forget', keys: ['c', 'd', 'd'], cursor: 'e' },
  });
});

test('the cursor goes up when the last row is lost, and nowhere in an empty list', () => {
  expect(forgetLost(rows('abc'), rows('ab'), state('c', ''))).toMatchObject({ cursor: 'b' });
  expect(forgetLost(rows('a'), rows(''), state('a', 'a'))).toMatchObject({ cursor: null });
});

test('a selected row that is lost is forgotten, and the cursor elsewhere stays', () => {
  expect(forgetLost(rows('abc'), rows('ac'), state('a', 'ab'))).toEqual({ type: 'forget', keys: ['b'], cursor: 'a' });
});

test('a key that was not listed before is waited for', () => {
  expect(forgetLost(rows('ab'), rows('a'), state('new', 'new'))).toBeNull();
});
