import { DetailedError, type HttpResponse } from 'tus-js-client';
import { describe, expect, it } from 'vitest';

import { ApiError } from '../../api/error';
import { errorOf } from './transfer';

function answer(status: number, text: string, headers: Record<string, string> = {}): HttpResponse {
  return {
    getStatus: () => status,
    getBody: () => text,
    getHeader: (name: string) => headers[name],
    getUnderlyingObject: () => null,
  };
}

function failed(originalResponse: HttpResponse | null, causingError: Error | null = null): Error {
  return Object.assign(new DetailedError('tus: failed'), { originalResponse, causingError });
}

describe('why an upload fails', () => {
  it('is what the server says, with the question that the simulator can answer', () => {
    const question = { op: 'upload', bucket: 'b', name: 'a.txt' };
    const headers = { 'content-type': 'text/plain', 'x-error-code': 'AccessDenied', 'x-error-hint': 'Ask.' };
    const error = errorOf(failed(answer(403, 'refused\n', headers)), question);
    expect(error).toMatchObject({ status: 403, code: 'AccessDenied', message: 'refused', hint: 'Ask.' });
    expect(error.explain).toEqual(question);
  });

  it('is told in words when the server says it in JSON', () => {
    const body = JSON.stringify({ statusCode: '403', error: 'Unauthorized', message: 'No such role' });
    expect(errorOf(failed(answer(403, body))).message).toBe('No such role');
  });

  it('is never the page of a proxy', () => {
    const headers = { 'content-type': 'text/html' };
    expect(errorOf(failed(answer(502, '<html>', headers))).message).toBe('The server answered 502');
  });

  it('is the network when no answer came', () => {
    expect(errorOf(failed(null)).code).toBe('Unreachable');
  });

  it('is what stopped a look at how far it is, and not the network', () => {
    const cause = new ApiError('The session has ended', { status: 401 });
    expect(errorOf(failed(null, cause))).toBe(cause);
  });

  it('is a fault of the page when it is nobody else’s', () => {
    expect(errorOf(new TypeError('x is undefined')).code).toBe('PageError');
  });
});
