import { expect, test } from 'vitest';
import { EMPTY_FEED, feedReducer, matching, MAX_ROWS, type Entry } from './feed';

const entry = (seq: number): Entry => ({
  kind: 'object',
  key: `o${seq}`,
  at: '',
  event: {
    seq,
    id: String(seq),
    type: 'ObjectCreated:Post',
    bucket: 'b',
    name: `file ${seq}`,
    object_id: '',
    size_bytes: 1,
    content_type: null,
    actor: { role: 'anon', sub: seq === 2 ? 'Ann' : null },
    request_id: null,
    at: '',
  },
});

const arrived = (...seqs: number[]) => ({ type: 'arrived', entries: seqs.map(entry) }) as const;
const keys = (rows: readonly Entry[]) => rows.map(({ key }) => key);

test('the newest event is on top', () => {
  const feed = feedReducer(feedReducer(EMPTY_FEED, arrived(1, 2)), arrived(3));
  expect(keys(feed.rows)).toEqual(['o3', 'o2', 'o1']);
});

test('events that come again after a reconnection are shown once', () => {
  const feed = feedReducer(feedReducer(EMPTY_FEED, arrived(1, 2)), arrived(1, 2, 2, 3, 3));
  expect(keys(feed.rows)).toEqual(['o3', 'o2', 'o1']);
});

test('a paused feed keeps still, counts, and loses nothing', () => {
  let feed = feedReducer(feedReducer(EMPTY_FEED, arrived(1)), { type: 'paused', isPaused: true });
  feed = feedReducer(feed, arrived(2, 3));
  feed = feedReducer(feed, arrived(3));
  expect([keys(feed.rows), feed.held.length]).toEqual([['o1'], 2]);
  feed = feedReducer(feed, { type: 'paused', isPaused: false });
  expect([keys(feed.rows), feed.held.length]).toEqual([['o3', 'o2', 'o1'], 0]);
});

test('memory is bounded, and the feed says that older events left', () => {
  const feed = feedReducer(EMPTY_FEED, arrived(...Array.from({ length: MAX_ROWS + 7 }, (_, index) => index)));
  expect(feed.rows.length).toBe(MAX_ROWS);
  expect(feed.isFull).toBe(true);
  expect(feed.rows[0]?.key).toBe(`o${MAX_ROWS + 6}`);
});

test('events are found by actor and by name', () => {
  expect(keys(matching([entry(1), entry(2)], 'ANN'))).toEqual(['o2']);
  expect(keys(matching([entry(1), entry(2)], 'file 1'))).toEqual(['o1']);
});
