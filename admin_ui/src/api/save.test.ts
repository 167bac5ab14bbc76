import { expect, test } from 'vitest';
import { refusalIn } from './save';

const BODY = '{"statusCode":"404","error":"not_found","message":"Object not found","hint":"Look at its name."}';

test.each([BODY, `${BODY}Pretty-print`, `\n${BODY}\n`])('a refusal is read out of what the browser shows: %j', (text) => {
  expect(refusalIn(text)).toMatchObject({ status: 404, message: 'Object not found', hint: 'Look at its name.' });
});

test.each(['', 'This site cannot be reached'])('a page of the browser itself means that nothing came: %j', (text) => {
  expect(refusalIn(text)).toMatchObject({ status: 0, code: 'Unreachable' });
});

test('braces that are no JSON are a refusal all the same', () => {
  expect(refusalIn('{oops}').status).toBe(0);
});
