import { onlineManager } from '@tanstack/react-query';
import { announceSessionEnd, announceUnreachable } from '../../api/client';
import { type ApiError, isAway } from '../../api/error';
import { inSentences } from '../../lib/format';
import { AT_REST, paced, type Pace } from './pace';
import { Transfer } from './transfer';
import {
  changed,
  conflicted,
  hasEnded,
  isActive,
  isUnderWay,
  joined,
  nextToStart,
  resolved,
  type Resolution,
  totalsOf,
  type UploadItem,
} from './upload';

const PROGRESS_MS = 250;

export interface QueueSnapshot {
  items: readonly UploadItem[];
  pace: Pace;
}

export interface QueueOptions {
  chunkSizeBytes: number;
  parallel: number;
}

/** Every upload of this page, and the few that are on their way. It outlives every view. */
export class UploadQueue {
  #snapshot: QueueSnapshot = { items: [], pace: AT_REST };
  #options: QueueOptions = { chunkSizeBytes: 0, parallel: 0 };
  readonly #transfers = new Map<number, Transfer>();
  readonly #sent = new Map<number, number>();
  readonly #listeners = new Set<() => void>();
  readonly #onStored: (item: UploadItem) => void;
  #ticking: ReturnType<typeof setInterval> | null = null;

  constructor(onStored: (item: UploadItem) => void) {
    this.#onStored = onStored;
    onlineManager.subscribe((isOnline) => isOnline && this.#retryUnreachable());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): QueueSnapshot => this.#snapshot;

  /** Add uploads, but none that is under way already. Returns how many were added. */
  add(more: readonly UploadItem[], options: QueueOptions): number {
    this.#options = options;
    const { items, fresh, superseded } = joined(this.#snapshot.items, more);
    for (const { id } of superseded) this.#forget(id);
    this.#update(items);
    return fresh.length;
  }

  pause(id: number): void {
    void this.#transfers.get(id)?.pause();
    this.#change(one(id), isUnderWay, { state: 'paused' });
  }

  resume(id: number): void {
    this.#change(one(id), isPaused, AGAIN);
  }

  retry(id: number): void {
    this.#change(one(id), canRetry, AGAIN);
  }

  /** Stop an upload and take it off the list; the server drops what it has of it. */
  cancel(id: number): void {
    void this.#drop(id);
    this.#update(this.#snapshot.items.filter((item) => item.id !== id));
  }

  /** Stop every upload that has not ended, and take it off the list. */
  async cancelAll(): Promise<void> {
    const { items } = this.#snapshot;
    const dropped = items.filter((item) => !hasEnded(item)).map(({ id }) => this.#drop(id));
    this.#update(items.filter(hasEnded));
    await Promise.all(dropped);
  }

  resolve(item: UploadItem, resolution: Resolution, all: boolean): void {
    this.#update(resolved(this.#snapshot.items, item, resolution, all));
  }

  pauseAll(): void {
    for (const transfer of this.#transfers.values()) void transfer.pause();
    this.#change(everyItem, isUnderWay, { state: 'paused' });
  }

  /** Go on with what was paused because the session of `owner` had ended. What is another's stays as it is. */
  resumeSession(owner: string): void {
    const isConcerned = (item: UploadItem) => item.problem === SESSION_ENDED && item.owner === owner;
    this.#change(isConcerned, isPaused, AGAIN);
  }

  resumeAll(): void {
    this.#change(everyItem, isPaused, AGAIN);
  }

  retryFailed(): void {
    this.#change(everyItem, canRetry, AGAIN);
  }

  /** Take off the list what will not change any more without somebody's help. */
  clearFinished(): void {
    for (const item of this.#snapshot.items) if (hasEnded(item)) void this.#drop(item.id);
    this.#update(this.#snapshot.items.filter((item) => !hasEnded(item)));
  }

  #retryUnreachable(): void {
    const wasUnreachable = ({ error }: UploadItem) => error !== null && isAway(error);
    this.#change(wasUnreachable, canRetry, AGAIN);
  }

  #change(
    concerned: (item: UploadItem) => boolean,
    applies: (item: UploadItem) => boolean,
    change: Partial<UploadItem>,
  ): void {
    this.#update(changed(this.#snapshot.items, (item) => concerned(item) && applies(item), change));
  }

  #update(items: readonly UploadItem[]): void {
    this.#publish(items);
    for (const item of nextToStart(items, this.#options.parallel)) this.#start(item);
    this.#keepTicking();
  }

  #publish(items: readonly UploadItem[]): void {
    const moved = items.map((item) => this.#withProgress(item));
    const pace = moved.some(isActive) ? paced(this.#snapshot.pace, totalsOf(moved).sentBytes, Date.now()) : AT_REST;
    this.#snapshot = { items: moved, pace };
    for (const listener of this.#listeners) listener();
  }

  #withProgress(item: UploadItem): UploadItem {
    const sentBytes = this.#sent.get(item.id);
    if (!isActive(item) || sentBytes === undefined || sentBytes === item.sentBytes) return item;
    return { ...item, sentBytes, state: sentBytes >= item.file.size ? 'verifying' : 'uploading' };
  }

  #start(item: UploadItem): void {
    const transfer = this.#transfers.get(item.id) ?? this.#transferOf(item);
    this.#transfers.set(item.id, transfer);
    this.#publish(changed(this.#snapshot.items, one(item.id), { state: 'uploading' }));
    void transfer.start();
  }

  #transferOf(item: UploadItem): Transfer {
    return new Transfer(item, this.#options.chunkSizeBytes, {
      onProgress: (sentBytes) => this.#sent.set(item.id, sentBytes),
      onStored: () => this.#finish(item),
      onFailure: (error) => this.#fail(item.id, error),
    });
  }

  #finish(item: UploadItem): void {
    this.#forget(item.id);
    this.#change(one(item.id), everyItem, { state: 'done', sentBytes: item.file.size });
    this.#onStored(item);
  }

  #fail(id: number, error: ApiError): void {
    if (error.status === 401) return this.#endSession(id);
    if (error.status === 409 && error.code === 'KeyAlreadyExists') return void this.#settle(id);
    const problem = isAway(error) ? `${error.message}.` : inSentences(error.message, error.hint);
    this.#change(one(id), everyItem, { state: 'failed', problem, error, canRetry: true });
    if (isAway(error)) announceUnreachable();
  }

  /** What the server has of it was announced under a name that is taken: that one is over, whatever is decided. */
  async #settle(id: number): Promise<void> {
    const replaced = this.#transfers.get(id)?.replaces ?? false;
    await this.#drop(id);
    this.#update(this.#snapshot.items.map((item) => (item.id === id ? conflicted(item, replaced) : item)));
  }

  #endSession(id: number): void {
    for (const transfer of this.#transfers.values()) void transfer.pause();
    const isConcerned = (item: UploadItem) => item.id === id || isUnderWay(item);
    this.#change(everyItem, isConcerned, { state: 'paused', problem: SESSION_ENDED });
    announceSessionEnd();
  }

  async #drop(id: number): Promise<void> {
    const transfer = this.#transfers.get(id);
    this.#forget(id);
    await transfer?.cancel();
  }

  #forget(id: number): void {
    this.#transfers.delete(id);
    this.#sent.delete(id);
  }

  /** Show progress a few times a second, and warn before the page is closed, while there is something to lose. */
  #keepTicking(): void {
    const isBusy = this.#snapshot.items.some(isActive);
    if (isBusy && this.#ticking === null) {
      this.#ticking = setInterval(() => this.#publish(this.#snapshot.items), PROGRESS_MS);
    } else if (!isBusy && this.#ticking !== null) {
      clearInterval(this.#ticking);
      this.#ticking = null;
    }
    const warn = this.#snapshot.items.some(isUnderWay) ? window.addEventListener : window.removeEventListener;
    warn.call(window, 'beforeunload', askBeforeUnload);
  }
}

const AGAIN = { state: 'waiting', problem: null, error: null } as const;
const SESSION_ENDED = 'The session has ended. Sign in to go on.';

function one(id: number): (item: UploadItem) => boolean {
  return (item) => item.id === id;
}

function everyItem(): boolean {
  return true;
}

function canRetry(item: UploadItem): boolean {
  return item.state === 'failed' && item.canRetry;
}

function isPaused(item: UploadItem): boolean {
  return item.state === 'paused';
}

function askBeforeUnload(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
