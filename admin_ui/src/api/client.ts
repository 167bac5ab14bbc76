import { ApiError, errorOfAnswer, isAborted, isAway, type Question, unreachable } from './error';

export interface RequestOptions {
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  question?: Question;
}

const CSRF = { 'x-aerostore-csrf': '1' };
const sessionEndListeners = new Set<() => void>();
const unreachableListeners = new Set<() => void>();

/** Call `listener` whenever the server says that there is no session any more. */
export function onSessionEnd(listener: () => void): () => void {
  sessionEndListeners.add(listener);
  return () => sessionEndListeners.delete(listener);
}

/** Call `listener` whenever the server seems to be away. */
export function onUnreachable(listener: () => void): () => void {
  unreachableListeners.add(listener);
  return () => unreachableListeners.delete(listener);
}

/** Tell the page that the session has ended; for requests that do not go through here, such as uploads. */
export function announceSessionEnd(): void {
  for (const listener of sessionEndListeners) listener();
}

/** Tell the page that the server seems to be away; for requests that do not go through here. */
export function announceUnreachable(): void {
  for (const listener of unreachableListeners) listener();
}

/** Return the absolute address of `path`, which is relative to `/admin/` wherever that is. */
export function addressOf(path: string): string {
  return new URL(path, document.baseURI).href;
}

/** Return the path of `/admin/` on this host; it ends with a slash. */
export function basePath(): string {
  return new URL('.', document.baseURI).pathname;
}

/** Send a request to `path`, relative to `/admin/`. Raises: ApiError for every answer but 2xx and for none. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const response = await fetch(addressOf(path), init(options)).catch((error: unknown) => {
    if (isAborted(error)) throw error;
    announceUnreachable();
    throw unreachable();
  });
  if (response.ok) return response;
  const error = await errorOf(response, options.question ?? null);
  if (error.status === 401) announceSessionEnd();
  if (isAway(error)) announceUnreachable();
  throw error;
}

/** Send a request and return the JSON of the answer. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  const body: unknown = await response.json().catch((error: unknown) => {
    if (isAborted(error)) throw error;
    throw new ApiError('The answer of the server was cut off', {
      code: 'Unreachable',
      hint: 'Look whether it was done, and try again.',
    });
  });
  return body as T;
}

function init({ method = 'GET', json, body, headers, signal }: RequestOptions): RequestInit {
  const isSafe = method === 'GET' || method === 'HEAD';
  return {
    method,
    credentials: 'same-origin',
    headers: {
      ...(isSafe ? {} : CSRF),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json === undefined ? body !== undefined && { body } : { body: JSON.stringify(json) }),
    ...(signal && { signal }),
  };
}

async function errorOf(response: Response, explain: Question | null): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  return errorOfAnswer({ status: response.status, text, header: (name) => response.headers.get(name) }, explain);
}
