import { DetailedError, Upload } from 'tus-js-client';
import { addressOf } from '../../api/client';
import { fingerprintOf } from '../../lib/fingerprint';
import { inSentences } from '../../lib/format';
import { typeOf, type UploadItem } from './upload';

// Such a file goes with the request that announces it: one round trip less for each of many.
const SMALL_BYTES = 1024 * 1024;
const RETRY_DELAYS_MS = [0, 500, 1500, 3000];
// Answers that stay the same when the request is sent again.
const FINAL_STATUSES = new Set([400, 401, 403, 404, 409, 413, 415]);

/** Why an upload ended. status 0: no answer came at all. */
export interface Failure {
  status: number;
  code: string;
  message: string;
}

export interface TransferEvents {
  onProgress: (sentBytes: number) => void;
  onStored: () => void;
  onFailure: (failure: Failure) => void;
}

class SessionEnded extends Error {}

/** One upload on its way. `start` continues where it was; after `pause` no request is sent any more. */
export class Transfer {
  readonly #upload: Upload;
  #hasBegun = false;
  #isPaused = false;

  constructor(item: UploadItem, chunkSizeBytes: number, events: TransferEvents) {
    this.#upload = new Upload(item.file, {
      endpoint: addressOf('storage/v1/upload/resumable'),
      headers: { 'x-aerostore-csrf': '1', 'x-upsert': String(item.resolution === 'replace') },
      metadata: { bucketName: item.bucket, objectName: item.key, contentType: typeOf(item.file) },
      chunkSize: chunkSizeBytes,
      uploadDataDuringCreation: item.file.size > 0 && item.file.size <= SMALL_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      fingerprint: () => Promise.resolve(fingerprintOf(item.bucket, item.key, item.file)),
      removeFingerprintOnSuccess: true,
      onAfterResponse: (_request, response) => {
        // Otherwise the library forgets the upload and begins it anew.
        if (response.getStatus() === 401) throw new SessionEnded();
      },
      onShouldRetry: (error) => !FINAL_STATUSES.has(failureOf(error).status),
      onProgress: (sentBytes) => events.onProgress(sentBytes),
      onSuccess: () => events.onStored(),
      onError: (error) => events.onFailure(failureOf(error)),
    });
  }

  /** Send bytes, beginning with those that the server does not have yet. */
  async start(): Promise<void> {
    this.#isPaused = false;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      const [previous] = await this.#upload.findPreviousUploads();
      if (previous) this.#upload.resumeFromPreviousUpload(previous);
    }
    if (!this.#isPaused) this.#upload.start();
  }

  /** Stop sending; what the server has stays there. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#upload.abort();
  }

  /** Stop, and let the server drop what it has. */
  async cancel(): Promise<void> {
    this.#isPaused = true;
    await this.#upload.abort(true);
  }
}

/** Read what went wrong from an error of the library. */
export function failureOf(error: Error): Failure {
  if (!(error instanceof DetailedError)) return { status: 0, code: 'PageError', message: error.message };
  if (error.causingError instanceof SessionEnded) {
    return { status: 401, code: 'SessionRequired', message: 'The session has ended.' };
  }
  const response = error.originalResponse;
  if (!response) return { status: 0, code: 'Unreachable', message: 'The server cannot be reached.' };
  const [message, hint] = [response.getBody().trim(), response.getHeader('x-error-hint')];
  return {
    status: response.getStatus(),
    code: response.getHeader('x-error-code') ?? '',
    message: inSentences(message || `The server answered ${response.getStatus()}.`, hint),
  };
}
