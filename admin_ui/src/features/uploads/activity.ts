/** The door to uploads. It is small; the queue, and the library that sends bytes, load with the first upload. */

import { formatBytes, formatDuration } from '../../lib/format';
import { filesOfDrop, filesOfInput, type PathFile } from './drop';
import { secondsFor, speedOf } from './pace';
import type { QueueOptions, QueueSnapshot, UploadQueue } from './queue';
import { type Limits, percentOf, refusal, totalsOf, type UploadItem } from './upload';

export interface UploadTarget {
  bucket: string;
  prefix: string;
  limits: Limits;
  options: QueueOptions;
}

type StoredListener = (stored: { bucket: string; key: string }) => void;

const firstUploadListeners = new Set<() => void>();
const storedListeners = new Set<StoredListener>();
const summaryListeners = new Set<() => void>();
let opening: Promise<UploadQueue> | null = null;
let summary: string | null = null;
let nextId = 1;

/** Upload files that were chosen; those of a folder keep their path. Returns how many there are. */
export async function uploadFiles(target: UploadTarget, files: Iterable<File>): Promise<number> {
  return enqueue(target, filesOfInput(files));
}

/** Upload what was dropped, folders with everything in them. Call it while the event is under way. */
export async function uploadDrop(target: UploadTarget, transfer: DataTransfer): Promise<number> {
  return enqueue(target, await filesOfDrop(transfer));
}

/** Call `listener` after each object that is stored. */
export function onStored(listener: StoredListener): () => void {
  storedListeners.add(listener);
  return () => storedListeners.delete(listener);
}

/** Call `listener` when the first upload is there, at once when it is there already. */
export function onFirstUpload(listener: () => void): () => void {
  if (opening) listener();
  firstUploadListeners.add(listener);
  return () => firstUploadListeners.delete(listener);
}

/** Return what the queue is doing, in a few words, as a store; null when there is nothing to say. */
export function uploadSummary(): { subscribe: (listener: () => void) => () => void; get: () => string | null } {
  return { subscribe: subscribeSummary, get: () => summary };
}

/** Return the queue, which is there from the first upload on. */
export function uploadQueue(): Promise<UploadQueue> {
  opening ??= openQueue();
  return opening;
}

function subscribeSummary(listener: () => void): () => void {
  summaryListeners.add(listener);
  return () => summaryListeners.delete(listener);
}

async function enqueue(target: UploadTarget, files: readonly PathFile[]): Promise<number> {
  if (files.length === 0) return 0;
  const isFirst = opening === null;
  const queue = await uploadQueue();
  queue.add(itemsOf(target, files), target.options);
  if (isFirst) for (const listener of firstUploadListeners) listener();
  return files.length;
}

function itemsOf({ bucket, prefix, limits }: UploadTarget, files: readonly PathFile[]): UploadItem[] {
  const batch = nextId;
  return files.map(({ path, file }) => {
    const problem = refusal(file, limits, formatBytes);
    return {
      ...{ id: nextId++, batch, bucket, key: prefix + path, file, sentBytes: 0, resolution: null },
      ...(problem === null
        ? { state: 'waiting' as const, problem, canRetry: true }
        : { state: 'failed' as const, problem, canRetry: false }),
    };
  });
}

async function openQueue(): Promise<UploadQueue> {
  const { UploadQueue: Queue } = await import('./queue');
  const queue = new Queue({ chunkSizeBytes: 6 * 1024 * 1024, parallel: 3 }, ({ bucket, key }) => {
    for (const listener of storedListeners) listener({ bucket, key });
  });
  queue.subscribe(() => summarise(queue.snapshot()));
  return queue;
}

function summarise(snapshot: QueueSnapshot): void {
  const text = textOf(snapshot);
  if (text === summary) return;
  summary = text;
  for (const listener of summaryListeners) listener();
}

/** Return for example `2 of 3 · 45 % · 31 MiB/s · 6 s left`; null for an empty queue. */
export function textOf({ items, pace }: QueueSnapshot): string | null {
  const totals = totalsOf(items);
  if (totals.count === 0) return null;
  const speed = speedOf(pace);
  const left = secondsFor(totals.bytes - totals.sentBytes, pace);
  const parts = [
    `${totals.done} of ${totals.count}`,
    totals.active > 0 && `${percentOf(totals)} %`,
    totals.active > 0 && speed !== null && `${formatBytes(speed)}/s`,
    totals.active > 0 && left !== null && `${formatDuration(Math.max(1, left))} left`,
    totals.paused > 0 && `${totals.paused} paused`,
    totals.failed > 0 && `${totals.failed} failed`,
    totals.conflicts > 0 && `${totals.conflicts} to decide`,
  ];
  return parts.filter(Boolean).join(' · ');
}
