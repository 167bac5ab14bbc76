import { DetailedError, type HttpRequest, type HttpResponse, Upload } from 'tus-js-client';
import { addressOf } from '../../api/client';
import { ApiError, errorOfAnswer, type Question, toApiError, unreachable } from '../../api/error';
import { Claim } from './claim';
import { forget } from './unfinished';
import { identityOf, typeOf, type UploadItem } from './upload';

// Such a file goes with the request that announces it: one round trip less for each of many.
const SMALL_BYTES = 1024 * 1024;
const RETRY_DELAYS_MS = [0, 500, 1500, 3000];
// Answers that stay the same when the request is sent again.
const FINAL_STATUSES = new Set([400, 401, 403, 404, 409, 413, 415]);
// But this one is gone when the server is asked first how far it is, as after a request that was cut off.
const OFFSET_MISMATCH = 'OffsetMismatch';

export interface TransferEvents {
  onProgress: (sentBytes: number) => void;
  onStored: () => void;
  onFailure: (error: ApiError) => void;
}

/** One upload on its way. `start` continues where it was; after `pause` no request is sent any more. */
export class Transfer {
  /** What was begun without leave to replace cannot go on with it. */
  readonly replaces: boolean;
  readonly #item: UploadItem;
  readonly #claim: Claim;
  readonly #upload: Upload;
  readonly #events: TransferEvents;
  #prepared: Promise<void> | null = null;
  #isPaused = false;
  /** Counts starts and pauses: only the last one counts. */
  #turn = 0;

  constructor(item: UploadItem, chunkSizeBytes: number, events: TransferEvents) {
    this.replaces = item.resolution === 'replace';
    this.#item = item;
    this.#claim = new Claim(identityOf(item));
    this.#events = events;
    this.#upload = new Upload(item.file, {
      endpoint: addressOf('storage/v1/upload/resumable'),
      headers: { 'x-aerostore-csrf': '1', 'x-upsert': String(this.replaces) },
      metadata: { bucketName: item.bucket, objectName: item.key, contentType: typeOf(item.file) },
      chunkSize: chunkSizeBytes,
      uploadDataDuringCreation: item.file.size > 0 && item.file.size <= SMALL_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      fingerprint: () => Promise.resolve(identityOf(item)),
      onAfterResponse: throwIfNotLost,
      onShouldRetry: (error) => isWorthRetrying(errorOf(error)),
      onProgress: (sentBytes) => events.onProgress(sentBytes),
      onSuccess: () => void this.#end(),
      onError: (error) => void this.#fail(error),
    });
  }

  /** Send bytes, beginning with those that the server does not have yet. Every failure is told to `onFailure`. */
  async start(): Promise<void> {
    this.#isPaused = false;
    this.#turn += 1;
    try {
      await this.#begin(this.#turn);
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** Stop sending; what the server has stays there. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#turn += 1;
    await this.#upload.abort();
  }

  /** Stop, forget it here, and let the server drop what it has, unless another tab goes on with it. */
  async cancel(): Promise<void> {
    await this.pause();
    const dropped = (await this.#claim.take()) && this.#drop();
    this.#claim.release();
    await dropped;
  }

  async #drop(): Promise<void> {
    // An upload that the server has lost already needs no goodbye.
    const dropped = this.#upload.abort(true).catch(() => undefined);
    await this.#forget();
    await dropped;
  }

  async #begin(turn: number): Promise<void> {
    if (!(await this.#claim.take())) throw elsewhere();
    await (this.#prepared ??= this.#prepare());
    if (turn === this.#turn) this.#upload.start();
  }

  async #prepare(): Promise<void> {
    const [previous] = this.replaces ? [] : await this.#upload.findPreviousUploads();
    if (previous) this.#upload.resumeFromPreviousUpload(previous);
  }

  async #forget(): Promise<void> {
    forget((await this.#upload.findPreviousUploads()).map(({ urlStorageKey }) => urlStorageKey));
  }

  async #end(): Promise<void> {
    await this.#forget();
    this.#claim.release();
    this.#events.onStored();
  }

  async #fail(thrown: unknown): Promise<void> {
    this.#claim.release();
    const error = errorOf(thrown, questionOf(this.#item, this.replaces));
    const isAtFault = error.code === 'Unreachable' && !(await isReadable(this.#item.file));
    if (!this.#isPaused) this.#events.onFailure(isAtFault ? unreadable() : error);
  }
}

/** Of what is not there the library begins anew; what is only out of reach must not be taken for that. */
function throwIfNotLost(request: HttpRequest, response: HttpResponse): void {
  const status = response.getStatus();
  const isAnswerToLook = request.getMethod() === 'HEAD' && (status === 429 || status >= 500);
  if (status === 401 || isAnswerToLook) throw errorOfResponse(response);
}

function isWorthRetrying({ status, code }: ApiError): boolean {
  return !FINAL_STATUSES.has(status) || code === OFFSET_MISMATCH;
}

/** Read what went wrong from whatever the library or the page threw. */
export function errorOf(thrown: unknown, question: Question | null = null): ApiError {
  if (!(thrown instanceof DetailedError)) return toApiError(thrown);
  if (thrown.causingError instanceof ApiError) return thrown.causingError;
  return thrown.originalResponse ? errorOfResponse(thrown.originalResponse, question) : unreachable();
}

function errorOfResponse(response: HttpResponse, question: Question | null = null): ApiError {
  const header = (name: string) => response.getHeader(name) ?? null;
  return errorOfAnswer({ status: response.getStatus(), text: response.getBody(), header }, question);
}

function questionOf({ bucket, key }: UploadItem, replaces: boolean): Question {
  return { op: replaces ? 'upsert' : 'upload', bucket, name: key };
}

/** A file that was changed or deleted after it was chosen cannot be sent; requests with it fail as without a network. */
async function isReadable(file: File): Promise<boolean> {
  return file.slice(0, 1).arrayBuffer().then(
    () => true,
    () => false,
  );
}

function unreadable(): ApiError {
  return new ApiError('The file cannot be read any more', { code: 'FileGone', hint: 'Choose it again as it is now.' });
}

function elsewhere(): ApiError {
  return new ApiError('Another tab is uploading this file', { code: 'UploadedElsewhere' });
}
