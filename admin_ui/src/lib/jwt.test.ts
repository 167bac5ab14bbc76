import { expect, test } from 'vitest';
import { hasEnded, readToken } from './jwt';

const tokenOf = (claims: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  return `e30.${btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}.c2ln`;
};

test('a token shows role, subject and end', () => {
  expect(readToken(tokenOf({ role: 'authenticated', sub: '日本語>>??', exp: 1_800_000_000 }))).toEqual({
    role: 'authenticated',
    sub: '日本語>>??',
    expires: new Date(1_800_000_000_000),
  });
});

test('a token has ended from its end on', () => {
  const view = { role: 'anon', sub: null, expires: new Date(1_000) };
  expect([999, 1_000, 1_001].map((now) => hasEnded(view, now))).toEqual([false, true, true]);
  expect(hasEnded({ ...view, expires: null })).toBe(false);
});

test('claims of another kind are not shown', () => {
  expect(readToken(tokenOf({ role: 1, sub: null, exp: 'soon' }))).toEqual({ role: 'none', sub: null, expires: null });
});

test('an end that no calendar has is not shown', () => {
  expect(readToken(tokenOf({ role: 'anon', exp: 1.8e18 }))?.expires).toBeNull();
});

test.each(['', 'sb_secret_abc', 'a.b.c', 'a.e30', `${tokenOf({})}.x`, tokenOf(null), 'a.////.c'])('%s is no token', (text) => {
  expect(readToken(text)).toBeNull();
});
