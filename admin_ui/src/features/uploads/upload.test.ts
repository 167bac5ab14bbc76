import { describe, expect, it } from 'vitest';

import { AT_REST, paced, secondsFor, speedOf } from './pace';
import {
  changed,
  conflicted,
  joined,
  type Limits,
  nextToStart,
  percentOf,
  refusal,
  resolved,
  settled,
  totalsOf,
  type UploadItem,
} from './upload';

function item(id: number, change: Partial<UploadItem> = {}): UploadItem {
  const file = new File(['12345'], `${id}.txt`);
  return {
    ...{ id, batch: 1, owner: 'me', bucket: 'b', key: `dir/${id}.txt`, file, state: 'waiting', sentBytes: 0 },
    ...{ problem: null, error: null, canRetry: true, resolution: null },
    ...change,
  } as UploadItem;
}

const NO_LIMITS: Limits = { maxBytes: null, mimeTypes: null };
const inBytes = (bytes: number) => `${bytes} B`;

describe('what a bucket refuses', () => {
  const png = { size: 10, type: 'image/png' };

  it('nothing without limits, an empty file included', () => {
    expect(refusal({ size: 0, type: '' }, NO_LIMITS, inBytes)).toBeNull();
  });

  it('a file beyond its limit, and not one that meets it', () => {
    expect(refusal(png, { ...NO_LIMITS, maxBytes: 9 }, inBytes)).toContain('10 B is more than the 9 B');
    expect(refusal(png, { ...NO_LIMITS, maxBytes: 10 }, inBytes)).toBeNull();
  });

  it.each(['image/png', 'image/*', 'IMAGE/PNG', '*/*'])('%s lets an image in', (allowed) => {
    expect(refusal(png, { ...NO_LIMITS, mimeTypes: [allowed] }, inBytes)).toBeNull();
  });

  it.each(['image/jpeg', 'imag/*', 'text/*'])('%s keeps it out', (allowed) => {
    expect(refusal(png, { ...NO_LIMITS, mimeTypes: [allowed] }, inBytes)).toContain('does not take image/png');
  });

  it('a file without a type counts as bytes', () => {
    const limits = { ...NO_LIMITS, mimeTypes: ['image/*'] };
    expect(refusal({ size: 1, type: '' }, limits, inBytes)).toContain('application/octet-stream');
  });
});

describe('the order of uploads', () => {
  it('never more at once than allowed, first come first served', () => {
    const items = [item(1, { state: 'uploading' }), item(2), item(3), item(4)];
    expect(nextToStart(items, 3).map(({ id }) => id)).toEqual([2, 3]);
  });

  it('an upload that is being verified holds its place', () => {
    expect(nextToStart([item(1, { state: 'verifying' }), item(2)], 1)).toEqual([]);
  });

  it('paused and failed ones hold none', () => {
    const items = [item(1, { state: 'paused' }), item(2, { state: 'failed' }), item(3)];
    expect(nextToStart(items, 1).map(({ id }) => id)).toEqual([3]);
  });
});

describe('files that come again', () => {
  const file = new File(['12345'], 'a.txt', { lastModified: 7 });
  const upload = (id: number, change: Partial<UploadItem> = {}) => item(id, { key: 'a.txt', file, ...change });
  const ids = (items: readonly UploadItem[]) => items.map(({ id }) => id);

  it.each(['waiting', 'uploading', 'verifying', 'paused', 'conflict'] as const)('are left out while %s', (state) => {
    const { items, fresh, superseded } = joined([upload(1, { state })], [upload(2), item(3)]);
    expect([ids(items), ids(fresh), ids(superseded)]).toEqual([[1, 3], [3], []]);
  });

  it('are another try of what failed', () => {
    const { items, superseded } = joined([upload(1, { state: 'failed' }), item(2)], [upload(3)]);
    expect([ids(items), ids(superseded)]).toEqual([[2, 3], [1]]);
  });

  it('are uploaded again after they were stored', () => {
    expect(ids(joined([upload(1, { state: 'done' })], [upload(2)]).items)).toEqual([1, 2]);
  });

  it.each([{ bucket: 'other' }, { key: 'b.txt' }, { file: new File(['12345'], 'a.txt', { lastModified: 8 }) }])(
    'are others when they differ in %o',
    (change) => expect(joined([upload(1)], [upload(2, change)]).fresh).toHaveLength(1),
  );
});

describe('names that are taken', () => {
  it('wait for an answer', () => expect(settled(item(1, { state: 'uploading' })).state).toBe('conflict'));

  it('are asked about again, not sent for ever, when even leave to replace was refused', () => {
    const refused = conflicted(item(1, { state: 'uploading', resolution: 'replace' }), true);
    expect(refused).toMatchObject({ state: 'conflict', resolution: null });
  });

  it('are sent once more when leave to replace came while they were under way', () => {
    const answered = conflicted(item(1, { state: 'uploading', resolution: 'replace' }), false);
    expect(answered).toMatchObject({ state: 'waiting', resolution: 'replace' });
  });

  it('are numbered on until one is free', () => {
    const once = settled(item(1, { resolution: 'keep' }));
    expect(once).toMatchObject({ key: 'dir/1 (2).txt', state: 'waiting' });
    expect(settled(once).key).toBe('dir/1 (3).txt');
  });

  it('an answer for all reaches the whole batch, also those that have not been asked, and no other one', () => {
    const items = [item(1, { state: 'conflict' }), item(2), item(3, { batch: 2, state: 'conflict' })];
    const [first, second, third] = resolved(items, { id: 1, batch: 1 }, 'skip', true);
    expect(first?.state).toBe('skipped');
    expect(second).toMatchObject({ state: 'waiting', resolution: 'skip' });
    expect(third).toMatchObject({ state: 'conflict', resolution: null });
  });

  it('an answer for one leaves the others asking', () => {
    const items = [item(1, { state: 'conflict' }), item(2, { state: 'conflict' })];
    expect(resolved(items, { id: 1, batch: 1 }, 'replace', false).map(({ state }) => state)).toEqual([
      'waiting',
      'conflict',
    ]);
  });
});

describe('totals', () => {
  it('count bytes of what is done in full, and neither failed nor skipped ones', () => {
    const items = [item(1, { state: 'done' }), item(2, { state: 'failed' }), item(3, { state: 'skipped' })];
    expect(totalsOf(items)).toMatchObject({ count: 2, done: 1, failed: 1, bytes: 5, sentBytes: 5 });
  });

  it('are not at 100 % before the server has stored everything', () => {
    const sent = [item(1, { state: 'verifying', sentBytes: 5 })];
    expect(percentOf(totalsOf(sent))).toBe(99);
    expect(percentOf(totalsOf(changed(sent, () => true, { state: 'done' })))).toBe(100);
  });

  it('of empty files go by their number', () => {
    const empty = (id: number, state: UploadItem['state']) => item(id, { file: new File([], 'e'), state });
    expect(percentOf(totalsOf([empty(1, 'done'), empty(2, 'waiting')]))).toBe(50);
  });
});

describe('pace', () => {
  it('is unknown at first, then bytes per second', () => {
    const start = paced(AT_REST, 0, 1000);
    expect(speedOf(start)).toBeNull();
    const later = paced(start, 4000, 3000);
    expect(speedOf(later)).toBe(2000);
    expect(secondsFor(5000, later)).toBe(3);
  });

  it('forgets what is long ago', () => {
    const slow = paced(paced(AT_REST, 0, 0), 10, 1000);
    const fast = paced(paced(slow, 10, 7000), 1010, 8000);
    expect(speedOf(fast)).toBe(1000);
  });

  it('at rest tells no time', () => {
    const still = paced(paced(AT_REST, 10, 0), 10, 2000);
    expect(secondsFor(100, still)).toBeNull();
  });
});
