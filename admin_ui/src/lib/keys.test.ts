import { describe, expect, it } from 'vitest';

import {
  byteLength,
  crumbsOf,
  freeLabel,
  isInside,
  keyProblem,
  labelOf,
  labelProblem,
  parentPrefix,
  stemLength,
  nextKey,
  toPrefix,
} from './keys';

describe('parts of keys', () => {
  it.each([
    ['a.txt', '', 'a.txt'],
    ['dir/a.txt', 'dir/', 'a.txt'],
    ['dir/sub/', 'dir/', 'sub'],
    ['dir/', '', 'dir'],
    ['a//b', 'a//', 'b'],
    ['a//', 'a/', ''],
    ['/', '', ''],
    ['//', '/', ''],
    ['/a.txt', '/', 'a.txt'],
  ])('%s lies in %s and is shown as %s', (key, prefix, label) => {
    expect(parentPrefix(key)).toBe(prefix);
    expect(labelOf(key)).toBe(label);
  });

  it('crumbs lead from the outermost folder to the prefix itself', () => {
    expect(crumbsOf('a/b c/')).toEqual([
      { label: 'a', prefix: 'a/' },
      { label: 'b c', prefix: 'a/b c/' },
    ]);
    expect(crumbsOf('')).toEqual([]);
  });

  it('an empty segment keeps its crumb, or its folder could not be reached', () => {
    expect(crumbsOf('a//').map((crumb) => crumb.prefix)).toEqual(['a/', 'a//']);
  });

  it('a typed path loses the slashes around it only', () => {
    expect(toPrefix('/a/b c/')).toBe('a/b c/');
    expect(toPrefix('/')).toBe('');
  });

  it.each([
    ['a//', 'a//', 'a//'],
    ['/', '/', '/'],
    ['/a/b', '/a/', '/a/b/'],
    ['a//b', 'a//', 'a//b/'],
    ['a/', 'a//', 'a/'],
    ['b', '/a/', 'b/'],
    ['', '/', ''],
  ])('%j, typed where %j stood, is %j', (text, known, prefix) => {
    expect(toPrefix(text, known)).toBe(prefix);
  });

  it('a folder of a longer name is not inside', () => {
    expect(isInside('a/b', 'a/')).toBe(true);
    expect(isInside('ab/c', 'a/')).toBe(false);
  });
});

describe('the rule for keys', () => {
  it.each([
    '日本語 "q" & #hash?.txt',
    '100% sure + more.txt',
    'dir #1?/in%20side/x.txt',
    '<img src=x>',
    '\u202Ertl',
  ])('%s is allowed', (key) => {
    expect(keyProblem(key)).toBeNull();
  });

  it.each(['', '/', 'a/../b', './a', 'tab\there', 'line\u2028end', 'half\ud800', '..', '../'])(
    '%j is refused',
    (key) => {
      expect(keyProblem(key)).not.toBeNull();
    },
  );

  it('counts bytes, not characters', () => {
    expect(byteLength('日')).toBe(3);
    expect(keyProblem('日'.repeat(341))).toBeNull();
    expect(keyProblem('日'.repeat(342))).toMatch(/1024 bytes/);
  });

  it('a label has no slash and is judged with its folder', () => {
    expect(labelProblem('dir/', 'a/b')).toMatch(/Leave out/);
    expect(labelProblem('dir/', '  ')).toBe('Enter a name.');
    expect(labelProblem('d'.repeat(1020) + '/', 'long name')).toMatch(/1024 bytes/);
    expect(labelProblem('dir/', 'fine.txt')).toBeNull();
  });
});

describe('free labels', () => {
  const among = (...taken: string[]) => (label: string) => taken.includes(label);

  it('keeps a label that nobody has', () => {
    expect(freeLabel('a.txt', among('b.txt'))).toBe('a.txt');
  });

  it('numbers before the extension', () => {
    expect(freeLabel('a.txt', among('a.txt'))).toBe('a (2).txt');
  });

  it('counts on from a label that has a number', () => {
    expect(freeLabel('a (2).txt', among('a (2).txt', 'a (3).txt'))).toBe('a (4).txt');
  });

  it.each([
    ['dir/a (2).txt', 'dir/a (3).txt'],
    ['/a', '/a (2)'],
    ['a//b', 'a//b (2)'],
  ])('%s is followed by %s in the same folder', (key, next) => {
    expect(nextKey(key)).toBe(next);
  });

  it('treats a leading dot as part of the name', () => {
    expect(stemLength('.env')).toBe(4);
    expect(freeLabel('.env', among('.env'))).toBe('.env (2)');
  });
});
