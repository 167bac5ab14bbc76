/** A question for the simulator: what was tried, so that a refusal can be explained. */
export interface Question {
  op?: string | undefined;
  bucket?: string | undefined;
  name?: string | undefined;
  to?: string | undefined;
  to_bucket?: string | undefined;
}

export interface ErrorBody {
  statusCode: string;
  error: string;
  message: string;
  code?: string;
  hint?: string | null;
  request_id?: string;
}

/** A request that failed. `status` is 0 when no answer came at all; `explain` is what was asked, when known. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly requestId: string | null;
  readonly explain: Question | null;

  constructor(message: string, given: Partial<Omit<ApiError, 'name' | 'message'>> = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = given.status ?? 0;
    this.code = given.code ?? '';
    this.hint = given.hint ?? null;
    this.requestId = given.requestId ?? null;
    this.explain = given.explain ?? null;
  }
}

/** Return `error` as an ApiError, whatever was thrown. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError(message, { code: 'PageError', hint: 'This is a fault of the page. Reload it.' });
}

export function isDenied(error: ApiError): boolean {
  return error.status === 403;
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Whether asking again may help: nothing arrived, or the server said that it is busy. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status === 503);
}

/** Return what to paste into a report. */
export function detailsOf(error: ApiError): string {
  const lines = [
    error.message,
    error.hint && `hint: ${error.hint}`,
    error.status > 0 && `status: ${error.status}`,
    error.code && `code: ${error.code}`,
    error.requestId && `request: ${error.requestId}`,
  ];
  return lines.filter(Boolean).join('\n');
}
