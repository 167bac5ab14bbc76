import type { DenialEvent, ObjectEvent } from '../../api/types';

/** The events that the page holds: newest first, bounded, and still while the reader has paused them. */

export const MAX_ROWS = 5_000;

export type Entry =
  | { kind: 'object'; key: string; at: string; event: ObjectEvent }
  | { kind: 'denial'; key: string; at: string; event: DenialEvent }
  | { kind: 'gap'; key: string; at: string; oldest: number };

export interface Feed {
  rows: readonly Entry[];
  held: readonly Entry[];
  isPaused: boolean;
  isFull: boolean;
}

export const EMPTY_FEED: Feed = { rows: [], held: [], isPaused: false, isFull: false };

export type FeedAction =
  | { type: 'arrived'; entries: readonly Entry[] }
  | { type: 'paused'; isPaused: boolean }
  | { type: 'cleared' };

export function feedReducer(feed: Feed, action: FeedAction): Feed {
  switch (action.type) {
    case 'arrived':
      return arrive(feed, action.entries);
    case 'paused':
      return action.isPaused ? { ...feed, isPaused: true } : { ...join(feed, feed.held), isPaused: false, held: [] };
    case 'cleared':
      return { ...EMPTY_FEED, isPaused: feed.isPaused };
  }
}

/** `entries` are in the order of their arrival, oldest first. What is there already comes again after a reconnection. */
function arrive(feed: Feed, entries: readonly Entry[]): Feed {
  const newest = fresh(feed, entries).reverse();
  if (newest.length === 0) return feed;
  if (!feed.isPaused) return join(feed, newest);
  return { ...feed, held: [...newest, ...feed.held].slice(0, MAX_ROWS) };
}

function fresh({ rows, held }: Feed, entries: readonly Entry[]): Entry[] {
  const known = new Set([...rows, ...held].map(({ key }) => key));
  return entries.filter(({ key }) => !known.has(key) && known.add(key));
}

function join(feed: Feed, newest: readonly Entry[]): Feed {
  const rows = [...newest, ...feed.rows];
  return { ...feed, rows: rows.slice(0, MAX_ROWS), isFull: feed.isFull || rows.length > MAX_ROWS };
}

/** Return the entries whose actor, name or bucket has `text` in it. */
export function matching(rows: readonly Entry[], text: string): readonly Entry[] {
  const wanted = text.trim().toLowerCase();
  return wanted === '' ? rows : rows.filter((entry) => textOf(entry).includes(wanted));
}

function textOf(entry: Entry): string {
  if (entry.kind === 'gap') return '';
  const { bucket, name } = entry.event;
  const who = entry.kind === 'denial' ? entry.event : entry.event.actor;
  return `${bucket}/${name} ${who?.role ?? ''} ${who?.sub ?? ''}`.toLowerCase();
}
