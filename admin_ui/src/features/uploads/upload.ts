/** An upload as a row of the queue, and what the queue as a whole says. Pure. */

import type { ApiError } from '../../api/error';
import { fingerprintOf } from '../../lib/fingerprint';
import { nextKey } from '../../lib/keys';

/** verifying: every byte is sent and the server has not said yet that they are stored. conflict: the name is taken. */
export type UploadState =
  | 'waiting'
  | 'uploading'
  | 'verifying'
  | 'paused'
  | 'conflict'
  | 'skipped'
  | 'failed'
  | 'done';

/** What shall happen to an upload whose name is taken. */
export type Resolution = 'keep' | 'replace' | 'skip';

/**
 * batch: what came in one drop; a decision may count for all of it. owner: who uploads. problem: why it stands still,
 * and error: what the server said to it. canRetry: false when it would fail again.
 */
export interface UploadItem {
  id: number;
  batch: number;
  owner: string;
  bucket: string;
  key: string;
  file: File;
  state: UploadState;
  sentBytes: number;
  problem: string | null;
  error: ApiError | null;
  canRetry: boolean;
  resolution: Resolution | null;
}

/** What a bucket takes; null is no limit of its own. */
export interface Limits {
  maxBytes: number | null;
  mimeTypes: readonly string[] | null;
}

const UNKNOWN_TYPE = 'application/octet-stream';

/** Return the content type that the browser found for `file`. */
export function typeOf(file: Pick<File, 'type'>): string {
  return file.type || UNKNOWN_TYPE;
}

/** Say why the bucket would refuse `file`, or return null when nothing speaks against it. */
export function refusal(
  file: Pick<File, 'size' | 'type'>,
  limits: Limits,
  format: (bytes: number) => string,
): string | null {
  if (limits.maxBytes !== null && file.size > limits.maxBytes) {
    return `${format(file.size)} is more than the ${format(limits.maxBytes)} that this bucket takes.`;
  }
  const type = typeOf(file);
  if (limits.mimeTypes !== null && !limits.mimeTypes.some((allowed) => matches(type, allowed))) {
    return `This bucket does not take ${type}, only ${limits.mimeTypes.join(', ')}.`;
  }
  return null;
}

function matches(type: string, allowed: string): boolean {
  const [wanted, given] = [allowed.toLowerCase().trim(), type.toLowerCase().split(';', 1)[0] ?? ''];
  if (wanted === '*' || wanted === '*/*') return true;
  return wanted.endsWith('/*') ? given.startsWith(wanted.slice(0, -1)) : given === wanted;
}

/** Tell whether bytes of `item` are on their way now. */
export function isActive(item: UploadItem): boolean {
  return item.state === 'uploading' || item.state === 'verifying';
}

/** Tell whether `item` is being uploaded, or will be without anybody doing anything. */
export function isUnderWay(item: UploadItem): boolean {
  return isActive(item) || item.state === 'waiting';
}

/** Tell whether `item` stays as it is unless somebody does something. */
export function hasEnded({ state }: UploadItem): boolean {
  return state === 'done' || state === 'skipped' || state === 'failed';
}

/** Return the uploads to start now, in the order in which they came. */
export function nextToStart(items: readonly UploadItem[], parallel: number): UploadItem[] {
  const free = parallel - items.filter(isActive).length;
  return free > 0 ? items.filter((item) => item.state === 'waiting').slice(0, free) : [];
}

/** Return what says that an upload is the same file on its way to the same place. */
export function identityOf({ owner, bucket, key, file }: UploadItem): string {
  return fingerprintOf(owner, bucket, key, file);
}

/** What comes of adding uploads: the queue, those that are in it now, and those that made room for them. */
export interface Joined {
  items: UploadItem[];
  fresh: UploadItem[];
  superseded: UploadItem[];
}

/** Add uploads, but no file that is on its way to the same place. One that failed there before makes room. */
export function joined(items: readonly UploadItem[], more: readonly UploadItem[]): Joined {
  const busy = new Set(items.filter((item) => !hasEnded(item)).map(identityOf));
  const fresh = more.filter((item) => !busy.has(identityOf(item)));
  const again = new Set(fresh.map(identityOf));
  const isSuperseded = (item: UploadItem) => item.state === 'failed' && again.has(identityOf(item));
  return {
    items: [...items.filter((item) => !isSuperseded(item)), ...fresh],
    fresh,
    superseded: items.filter(isSuperseded),
  };
}

/** Return `items` with `change` made to those that `applies` to. */
export function changed(
  items: readonly UploadItem[],
  applies: (item: UploadItem) => boolean,
  change: Partial<UploadItem>,
): UploadItem[] {
  return items.map((item) => (applies(item) ? { ...item, ...change } : item));
}

/** Return `items` after it was decided what happens to those of `batch`, or to `id` alone, whose name is taken. */
export function resolved(
  items: readonly UploadItem[],
  { id, batch }: Pick<UploadItem, 'id' | 'batch'>,
  resolution: Resolution,
  all: boolean,
): UploadItem[] {
  const concerned = (item: UploadItem) => item.id === id || (all && item.batch === batch);
  const remembered = changed(items, concerned, { resolution });
  return remembered.map((item) => (concerned(item) && item.state === 'conflict' ? settled(item) : item));
}

/** Return `item` after the server found its name taken. replaced: it was sent with leave to replace: ask anew. */
export function conflicted(item: UploadItem, replaced: boolean): UploadItem {
  return settled(replaced ? { ...item, resolution: null } : item);
}

/** Return `item`, whose name is taken, as its resolution says; it waits for an answer while it has none. */
export function settled(item: UploadItem): UploadItem {
  const fresh = { ...item, sentBytes: 0, problem: null, error: null };
  switch (item.resolution) {
    case null:
      return { ...fresh, state: 'conflict' };
    case 'skip':
      return { ...fresh, state: 'skipped' };
    case 'replace':
      return { ...fresh, state: 'waiting' };
    case 'keep':
      return { ...fresh, state: 'waiting', key: nextKey(item.key) };
  }
}

export interface Totals {
  count: number;
  done: number;
  failed: number;
  /** Of those that failed, how many might end otherwise next time. */
  retryable: number;
  conflicts: number;
  paused: number;
  active: number;
  bytes: number;
  sentBytes: number;
}

const NO_TOTALS: Totals = {
  count: 0,
  done: 0,
  failed: 0,
  retryable: 0,
  conflicts: 0,
  paused: 0,
  active: 0,
  bytes: 0,
  sentBytes: 0,
};

/** Count what the queue holds. Skipped uploads are no part of its work. */
export function totalsOf(items: readonly UploadItem[]): Totals {
  const totals = { ...NO_TOTALS };
  for (const item of items) if (item.state !== 'skipped') count(totals, item);
  return totals;
}

function count(totals: Totals, item: UploadItem): void {
  totals.count += 1;
  totals.done += Number(item.state === 'done');
  totals.failed += Number(item.state === 'failed');
  totals.retryable += Number(item.state === 'failed' && item.canRetry);
  totals.conflicts += Number(item.state === 'conflict');
  totals.paused += Number(item.state === 'paused');
  totals.active += Number(isUnderWay(item));
  if (item.state === 'failed') return;
  totals.bytes += item.file.size;
  totals.sentBytes += item.state === 'done' ? item.file.size : item.sentBytes;
}

/** Return the share that is sent, 0 to 100, never 100 before everything is done. */
export function percentOf(totals: Totals): number {
  if (totals.done + totals.failed === totals.count) return 100;
  const share = totals.bytes === 0 ? totals.done / totals.count : totals.sentBytes / totals.bytes;
  return Math.min(99, Math.floor(share * 100));
}
