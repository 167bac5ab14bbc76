import { describe, expect, it } from 'vitest';

import { type ApiError, errorOfAnswer, isAway, unreachable } from './error';

function answered(status: number, text: string, headers: Record<string, string>): ApiError {
  return errorOfAnswer({ status, text, header: (name) => headers[name] ?? null });
}

describe('an answer that refuses', () => {
  it('in JSON is told with its code, its hint and the id of the request', () => {
    const body = { statusCode: '404', error: 'x', code: 'NoSuchKey', message: 'Object not found', hint: 'Look.', request_id: 'r1' };
    const error = answered(400, JSON.stringify(body), { 'content-type': 'application/json' });
    expect(error).toMatchObject({ message: 'Object not found', code: 'NoSuchKey', hint: 'Look.', requestId: 'r1' });
  });

  it('in plain text, as of uploads, is told with what its headers explain', () => {
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-error-code': 'OffsetMismatch', 'x-error-hint': 'Ask.' };
    const error = answered(409, 'Upload-Offset conflict\n', headers);
    expect(error).toMatchObject({ message: 'Upload-Offset conflict', code: 'OffsetMismatch', hint: 'Ask.' });
  });

  it('as the page of a proxy is told as a number', () => {
    const error = answered(502, '<html><head>Bad Gateway', { 'content-type': 'text/html' });
    expect(error.message).toBe('The server answered 502');
  });
});

describe('the server is away', () => {
  it.each([unreachable(), answered(502, '', {}), answered(504, '<html>', {})])('after $message', (error) => {
    expect(isAway(error)).toBe(true);
  });

  it.each([answered(503, 'Busy', { 'x-error-code': 'SlowDown' }), answered(500, '', {}), answered(403, '', {})])(
    'and not after $message, which it said itself',
    (error) => expect(isAway(error)).toBe(false),
  );
});
