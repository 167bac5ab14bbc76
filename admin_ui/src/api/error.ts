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

/** An answer that is no 2xx, by whatever means it came. */
export interface Refusal {
  status: number;
  text: string;
  header: (name: string) => string | null;
}

/** Read what the server says in `answer`; what a proxy says in HTML is for nobody's eyes. */
export function errorOfAnswer({ status, text, header }: Refusal, explain: Question | null = null): ApiError {
  const body = parseBody(text);
  const told = header('content-type')?.startsWith('text/plain') && text.trim().slice(0, 300);
  return new ApiError(body?.message || told || `The server answered ${status}`, {
    status,
    code: body?.code ?? body?.error ?? header('x-error-code') ?? '',
    hint: body?.hint ?? header('x-error-hint'),
    requestId: body?.request_id ?? header('x-request-id'),
    explain,
  });
}

function parseBody(text: string): ErrorBody | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && 'message' in parsed ? (parsed as ErrorBody) : null;
  } catch {
    return null;
  }
}

/** Return the error of a request that got no answer. */
export function unreachable(): ApiError {
  return new ApiError('The server cannot be reached', {
    code: 'Unreachable',
    hint: 'Check the connection; the page tries again by itself when it is back.',
  });
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

// Nothing arrived; the server is busy; a proxy does not reach it.
const TRANSIENT = new Set([0, 429, 502, 503, 504]);

/** Whether asking again may help. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && TRANSIENT.has(error.status);
}

/** Whether the server seems to be away: nothing arrived, or what stands before it does not reach it. */
export function isAway(error: ApiError): boolean {
  return error.code === 'Unreachable' || (error.code === '' && error.status >= 502 && error.status <= 504);
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
