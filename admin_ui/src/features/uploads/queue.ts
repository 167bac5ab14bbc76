import { announceSessionEnd } from '../../api/client';
import { AT_REST, paced, type Pace } from './pace';
import { type Failure, Transfer } from './transfer';
import {
  changed,
  hasEnded,
  isActive,
  isUnderWay,
  nextToStart,
  resolved,
  type Resolution,
  settled,
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
  #options: QueueOptions;
  readonly #transfers = new Map<number, Transfer>();
  readonly #sent = new Map<number, number>();
  readonly #listeners = new Set<() => void>();
  readonly #onStored: (item: UploadItem) => void;
  #ticking: ReturnType<typeof setInterval> | null = null;

  constructor(options: QueueOptions, onStored: (item: UploadItem) => void) {
    this.#options = options;
    this.#onStored = onStored;
    window.addEventListener('online', () => this.#retryUnreachable());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): QueueSnapshot => this.#snapshot;

  add(items: readonly UploadItem[], options: QueueOptions): void {
    this.#options = options;
    this.#update([...this.#snapshot.items, ...items]);
  }

  pause(id: number): void {
    void this.#transfers.get(id)?.pause();
    this.#change(one(id), isUnderWay, { state: 'paused' });
  }

  resume(id: number): void {
    this.#change(one(id), (item) => item.state === 'paused', { state: 'waiting', problem: null });
  }

  retry(id: number): void {
    this.#change(one(id), canRetry, { state: 'waiting', problem: null });
  }

  /** Stop an upload and take it off the list; the server drops what it has of it. */
  cancel(id: number): void {
    this.#drop(id);
    this.#update(this.#snapshot.items.filter((item) => item.id !== id));
  }

  /** Stop every upload that has not ended, and take it off the list. */
  cancelAll(): void {
    const { items } = this.#snapshot;
    for (const item of items) if (!hasEnded(item)) this.#drop(item.id);
    this.#update(items.filter(hasEnded));
  }

  resolve(item: UploadItem, resolution: Resolution, all: boolean): void {
    this.#update(resolved(this.#snapshot.items, item, resolution, all));
  }

  pauseAll(): void {
    for (const transfer of this.#transfers.values()) void transfer.pause();
    this.#change(everyItem, isUnderWay, { state: 'paused' });
  }

  /** Go on with what was paused because the session had ended. */
  resumeSession(): void {
    const isConcerned = (item: UploadItem) => item.state === 'paused' && item.problem === SESSION_ENDED;
    this.#change(everyItem, isConcerned, { state: 'waiting', problem: null });
  }

  resumeAll(): void {
    this.#change(everyItem, (item) => item.state === 'paused', { state: 'waiting', problem: null });
  }

  retryFailed(): void {
    this.#change(everyItem, canRetry, { state: 'waiting', problem: null });
  }

  /** Take off the list what will not change any more without somebody's help. */
  clearFinished(): void {
    this.#update(this.#snapshot.items.filter((item) => !hasEnded(item)));
  }

  #retryUnreachable(): void {
    const isUnreachable = (item: UploadItem) => canRetry(item) && item.problem === UNREACHABLE;
    this.#change(everyItem, isUnreachable, { state: 'waiting', problem: null });
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
    transfer.start().catch((error: Error) => {
      this.#fail(item.id, { status: 0, code: 'PageError', message: error.message });
    });
  }

  #transferOf(item: UploadItem): Transfer {
    return new Transfer(item, this.#options.chunkSizeBytes, {
      onProgress: (sentBytes) => this.#sent.set(item.id, sentBytes),
      onStored: () => this.#finish(item),
      onFailure: (failure) => this.#fail(item.id, failure),
    });
  }

  #finish(item: UploadItem): void {
    this.#forget(item.id);
    this.#change(one(item.id), everyItem, { state: 'done', sentBytes: item.file.size });
    this.#onStored(item);
  }

  #fail(id: number, failure: Failure): void {
    if (failure.status === 401) return this.#endSession(id);
    this.#forget(id);
    if (isConflict(failure)) return this.#settle(id);
    const problem = failure.status === 0 ? UNREACHABLE : failure.message;
    this.#change(one(id), everyItem, { state: 'failed', problem, canRetry: true });
  }

  #settle(id: number): void {
    this.#update(this.#snapshot.items.map((item) => (item.id === id ? settled(item) : item)));
  }

  #endSession(id: number): void {
    for (const transfer of this.#transfers.values()) void transfer.pause();
    const isConcerned = (item: UploadItem) => item.id === id || isUnderWay(item);
    this.#change(everyItem, isConcerned, { state: 'paused', problem: SESSION_ENDED });
    announceSessionEnd();
  }

  #drop(id: number): void {
    const transfer = this.#transfers.get(id);
    this.#forget(id);
    // An upload that the server has lost already needs no goodbye.
    void transfer?.cancel().catch(() => undefined);
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

const UNREACHABLE = 'The server cannot be reached.';
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

function isConflict({ status, code }: Failure): boolean {
  return status === 409 && code === 'KeyAlreadyExists';
}

function askBeforeUnload(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
