import { expect, test } from 'vitest';
import { encPath, withQuery } from './path';

test('a hostile key comes back from a URL as it went in', () => {
  for (const key of ['a/b c', '100% sure + more.txt', 'dir #1?/in%20side/x.txt', '日本語 "q" & #hash?.txt', 'a//b', '..;/x']) {
    const url = new URL(`http://host/object/bucket/${encPath(key)}`);
    expect(url.search + url.hash).toBe('');
    expect(decodeURIComponent(url.pathname.slice('/object/bucket/'.length))).toBe(key);
  }
});

test('slashes stay slashes', () => {
  expect(encPath('a/b/')).toBe('a/b/');
});

test('parameters without a value are left out', () => {
  expect(withQuery('/x', { a: '', b: undefined, c: null })).toBe('/x');
  expect(withQuery('/x', { a: 0, b: false, c: 'd&e' })).toBe('/x?a=0&b=false&c=d%26e');
});
