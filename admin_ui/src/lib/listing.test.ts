import { describe, expect, it } from 'vitest';

import {
  allRows,
  type FetchPage,
  FIRST_PAGE,
  type FolderRow,
  growingListing,
  keysBetween,
  type Listing,
  ListingBuilder,
  type ListingPage,
  MAX_ROWS,
  type ObjectRow,
  positions,
  rowAt,
  rowCount,
  withPending,
  withRenamed,
  without,
} from './listing';

function folder(key: string): FolderRow {
  return { kind: 'folder', key, label: key.slice(0, -1), updatedAt: null };
}

function object(key: string): ObjectRow {
  return { kind: 'object', key, label: key, sizeBytes: 1, mimeType: 'text/plain', updatedAt: '' };
}

function page(folders: string[], objects: string[], nextCursor: string | null = null): ListingPage {
  return { folders: folders.map(folder), objects: objects.map(object), nextCursor };
}

function listed(...pages: ListingPage[]): Listing {
  const builder = new ListingBuilder();
  for (const each of pages) builder.add(each);
  return builder.listing();
}

function keysOf(listing: Listing): string[] {
  return allRows(listing).map((row) => row.key);
}

describe('rows', () => {
  const listing = listed(page(['a/', 'b/'], ['x', 'y']));

  it('folders stand before objects', () => {
    expect(rowAt(listing, 1)?.key).toBe('b/');
    expect(rowAt(listing, 2)?.key).toBe('x');
    expect(rowAt(listing, 4)).toBeUndefined();
    expect(positions(listing).get('y')).toBe(3);
  });

  it('a range may be given from either end and reaches over folders and objects', () => {
    expect(keysBetween(listing, 2, 1)).toEqual(['b/', 'x']);
    expect(keysBetween(listing, 3, 3)).toEqual(['y']);
  });
});

describe('pages', () => {
  it('append, and a folder that continues on the next page stands once', () => {
    const [first, second] = [page(['a/'], ['x'], 'cursor'), page(['a/', 'b/'], ['y'])];
    expect(listed(first).progress).toBe('loading');
    expect(keysOf(listed(first, second))).toEqual(['a/', 'b/', 'x', 'y']);
    expect(listed(first, second).progress).toBe('complete');
  });

  it('do not change a listing that was handed out', () => {
    const builder = new ListingBuilder();
    builder.add(page(['a/'], ['x'], 'cursor'));
    const before = builder.listing();
    builder.add(page(['b/'], ['y']));
    expect(keysOf(before)).toEqual(['a/', 'x']);
  });

  it.each([
    [['a', 'b'], 'more', 'capped'],
    [['a', 'b'], null, 'complete'],
    [['a', 'b', 'c'], null, 'capped'],
    [['a'], 'more', 'loading'],
  ])('of %j, with %j behind them, are %s when two rows are the most', (keys, nextCursor, progress) => {
    const builder = new ListingBuilder(2);
    builder.add(page([], keys, nextCursor));
    expect(builder.progress).toBe(progress);
    expect(rowCount(builder.listing())).toBeLessThanOrEqual(2);
  });

  it('count folders as rows', () => {
    const builder = new ListingBuilder(2);
    builder.add(page(['a/'], ['x', 'y']));
    expect(keysOf(builder.listing())).toEqual(['a/', 'x']);
  });

  it('stop long before browsers cannot show them any more', () => expect(MAX_ROWS * 44).toBeLessThan(16_700_000));
});

describe('changes before the next refresh', () => {
  const listing = listed(page(['a/'], ['x', 'y']));

  it('deleted rows are gone', () => expect(keysOf(without(listing, ['a/', 'y']))).toEqual(['x']));

  it('a renamed object stays in its place', () => {
    expect(keysOf(withRenamed(listing, 'x', 'new'))).toEqual(['a/', 'new', 'y']);
    expect(keysOf(withRenamed(listing, 'x', 'z'))).toEqual(['a/', 'y', 'z']);
    const backwards = { ...listing, objects: listing.objects.toReversed() };
    expect(keysOf(withRenamed(backwards, 'y', 'b'))).toEqual(['a/', 'x', 'b']);
  });

  it('a pending folder stands in front until the server has it', () => {
    expect(keysOf(withPending(listing, ['new/']))).toEqual(['new/', 'a/', 'x', 'y']);
    expect(withPending(listing, ['a/'])).toBe(listing);
  });
});

describe('growing', () => {
  async function collect(fetchPage: FetchPage, signal: AbortSignal): Promise<Listing[]> {
    const seen: Listing[] = [];
    for await (const builder of growingListing(fetchPage, signal)) seen.push(builder.listing());
    return seen;
  }

  it('asks for a short page first and follows cursors to the end', async () => {
    const asked: [string | null, number][] = [];
    const seen = await collect(async (cursor, limit) => {
      asked.push([cursor, limit]);
      const next = cursor === null ? 'c1' : cursor === 'c1' ? 'c2' : null;
      return { folders: [], objects: [object(String(asked.length))], nextCursor: next };
    }, new AbortController().signal);
    expect(asked).toEqual([
      [null, FIRST_PAGE],
      ['c1', 5000],
      ['c2', 5000],
    ]);
    expect(seen.map(rowCount)).toEqual([1, 2, 3]);
    expect(seen.at(-1)?.progress).toBe('complete');
  });

  it('drops a page that arrives after its folder was left', async () => {
    const leaving = new AbortController();
    const seen = await collect(async () => {
      leaving.abort();
      return page([], ['late']);
    }, leaving.signal);
    expect(seen).toEqual([]);
  });

  it('passes on what goes wrong', async () => {
    const failing = collect(async () => Promise.reject(new Error('refused')), new AbortController().signal);
    await expect(failing).rejects.toThrow('refused');
  });
});
