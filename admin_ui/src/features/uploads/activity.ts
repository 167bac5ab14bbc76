/** The door to uploads. It is small; the queue, and the library that sends bytes, load with the first upload. */

import { formatBytes, formatCount, formatDuration } from '../../lib/format';
import { toast } from '../../ui/Toast';
import { filesOfDrop, filesOfInput, type Gathered, type PathFile } from './drop';
import { currentOwner } from './owner';
import { secondsFor, speedOf } from './pace';
import type { QueueOptions, QueueSnapshot, UploadQueue } from './queue';
import { forgetAll } from './unfinished';
import { hasEnded, type Limits, percentOf, refusal, totalsOf, type UploadItem } from './upload';

export interface UploadTarget {
  bucket: string;
  prefix: string;
  limits: Limits;
  options: QueueOptions;
}

type StoredListener = (stored: { bucket: string; key: string }) => void;

const NOT_LOADED = {
  tone: 'danger',
  title: 'The upload could not begin',
  detail: 'A part of this page could not be loaded. Try again; if it stays so, reload the page.',
} as const;

const firstUploadListeners = new Set<() => void>();
const storedListeners = new Set<StoredListener>();
const summaryListeners = new Set<() => void>();
let opening: Promise<UploadQueue> | null = null;
let opened: UploadQueue | null = null;
let summary: string | null = null;
let nextId = 1;

/** Upload files that were chosen; those of a folder keep their path. */
export function uploadFiles(target: UploadTarget, files: Iterable<File>): void {
  void enqueue(target, filesOfInput(files));
}

/** Upload what was dropped, folders with everything in them. Call it while the event is under way. */
export function uploadDrop(target: UploadTarget, transfer: DataTransfer): void {
  void filesOfDrop(transfer).then((gathered) => {
    tellOfGaps(gathered);
    return enqueue(target, gathered.files);
  });
}

/** Return how many uploads have not ended. */
export function uploadsLeft(): number {
  return opened?.snapshot().items.filter((item) => !hasEnded(item)).length ?? 0;
}

/** Stop every upload that has not ended; the server drops what it has of them. */
export async function stopUploads(): Promise<void> {
  await opened?.cancelAll();
}

/** Forget the uploads that were not ended, those of earlier visits too: their names are not for whoever comes next. */
export function forgetUploads(): void {
  forgetAll(currentOwner());
}

/** Call `listener` after each object that is stored. */
export function onStored(listener: StoredListener): () => void {
  storedListeners.add(listener);
  return () => storedListeners.delete(listener);
}

/** Call `listener` when the first upload is there, at once when it is there already. */
export function onFirstUpload(listener: () => void): () => void {
  if (opened) listener();
  firstUploadListeners.add(listener);
  return () => firstUploadListeners.delete(listener);
}

/** Return what the queue is doing, in a few words, as a store; null when there is nothing to say. */
export function uploadSummary(): { subscribe: (listener: () => void) => () => void; get: () => string | null } {
  return { subscribe: subscribeSummary, get: () => summary };
}

/** Return the queue, which is there from the first upload on. */
export function uploadQueue(): Promise<UploadQueue> {
  opening ??= openQueue().catch((error: unknown) => {
    opening = null;
    throw error;
  });
  return opening;
}

function subscribeSummary(listener: () => void): () => void {
  summaryListeners.add(listener);
  return () => summaryListeners.delete(listener);
}

function tellOfGaps({ files, unreadable }: Gathered): void {
  if (unreadable > 0) {
    const title = `${unreadable === 1 ? 'A file or folder' : `${formatCount(unreadable)} files or folders`} could not be read`;
    toast({ tone: 'danger', title, ...(files.length > 0 && { detail: 'Everything else is being uploaded.' }) });
  } else if (files.length === 0) {
    toast({ tone: 'default', title: 'There is no file in it' });
  }
}

async function enqueue(target: UploadTarget, files: readonly PathFile[]): Promise<void> {
  if (files.length === 0) return;
  const queue = await uploadQueue().catch(() => null);
  if (queue === null) return toast(NOT_LOADED);
  const left = files.length - queue.add(itemsOf(target, files), target.options);
  if (left === 0) return;
  toast({ tone: 'default', title: `${left === 1 ? 'A file is' : `${formatCount(left)} files are`} being uploaded already` });
}

function itemsOf({ bucket, prefix, limits }: UploadTarget, files: readonly PathFile[]): UploadItem[] {
  const [batch, owner] = [nextId, currentOwner()];
  return files.map(({ path, file }) => {
    const problem = refusal(file, limits, formatBytes);
    return {
      id: nextId++,
      batch,
      owner,
      bucket,
      key: prefix + path,
      file,
      state: problem === null ? 'waiting' : 'failed',
      sentBytes: 0,
      problem,
      error: null,
      canRetry: problem === null,
      resolution: null,
    };
  });
}

async function openQueue(): Promise<UploadQueue> {
  // What shows the queue comes with it: when one of them cannot be had, both are asked for again.
  const [{ UploadQueue: Queue }] = await Promise.all([import('./queue'), import('./UploadPanel')]);
  const queue = new Queue(({ bucket, key }) => {
    for (const listener of storedListeners) listener({ bucket, key });
  });
  queue.subscribe(() => summarise(queue.snapshot()));
  opened = queue;
  for (const listener of firstUploadListeners) listener();
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
