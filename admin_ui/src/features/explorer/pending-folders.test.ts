import { beforeEach, describe, expect, it } from 'vitest';

import {
  addPendingFolder,
  childTowards,
  dropPendingFolder,
  pendingFolders,
  pendingIn,
  renamePendingFolder,
  settlePendingFolders,
} from './pending-folders';

const within = (parent: string) => pendingIn(pendingFolders.get(), 'b', parent);

describe('pending folders', () => {
  beforeEach(() => {
    pendingFolders.set(new Map());
    addPendingFolder('b', 'a/new/');
  });

  it('are seen in the folder that they are in, and on the way to it', () => {
    expect(within('a/')).toEqual(['a/new/']);
    expect(within('')).toEqual(['a/']);
    expect(within('a/new/')).toEqual([]);
  });

  it('are real once something lies in them', () => {
    settlePendingFolders('b', 'a/new/x.txt');
    expect(within('a/')).toEqual([]);
  });

  it('stay while something lies beside them', () => {
    settlePendingFolders('b', 'a/x.txt');
    expect(within('a/')).toEqual(['a/new/']);
  });

  it('go with the folder around them', () => {
    dropPendingFolder('b', 'a/');
    expect(within('a/')).toEqual([]);
  });

  it('are renamed with what is in them', () => {
    renamePendingFolder('b', 'a/', 'z/');
    expect(within('z/')).toEqual(['z/new/']);
    expect(within('a/')).toEqual([]);
  });

  it('belong to one bucket', () => expect(pendingIn(pendingFolders.get(), 'other', 'a/')).toEqual([]));
});

describe('the way to a key', () => {
  it.each([
    ['', 'a/b/c/', 'a/'],
    ['a/', 'a/b/c/', 'a/b/'],
    ['a/b/', 'a/b/', null],
    ['x/', 'a/b/', null],
  ])('from %j to %s begins with %j', (parent, key, child) => {
    expect(childTowards(parent, key)).toBe(child);
  });
});
