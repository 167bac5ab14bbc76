import { describe, expect, it } from 'vitest';

import { filesOfDrop } from './drop';

type Tree = { [name: string]: Tree | string | null };

/** A tree of files and folders as browsers give what is dropped; null cannot be read. */
function entryOf(path: string, node: Tree | string | null): FileSystemEntry {
  const isFile = node === null || typeof node === 'string';
  const file = (resolve: (file: File) => void, reject: (error: Error) => void) =>
    node === null ? reject(new Error('NotReadableError')) : resolve(new File([String(node)], path));
  const portions = isFile ? [] : Object.entries(node).map(([name, child]) => [entryOf(`${path}/${name}`, child)]);
  const readEntries = (resolve: (entries: FileSystemEntry[]) => void) => resolve(portions.shift() ?? []);
  return { isFile, isDirectory: !isFile, fullPath: path, file, createReader: () => ({ readEntries }) } as unknown as FileSystemEntry;
}

async function dropped(tree: Tree): Promise<{ paths: string[]; unreadable: number }> {
  const items = Object.entries(tree).map(([name, node]) => ({ webkitGetAsEntry: () => entryOf(`/${name}`, node) }));
  const transfer = { items, files: [] } as unknown as DataTransfer;
  const { files, unreadable } = await filesOfDrop(transfer);
  return { paths: files.map(({ path }) => path), unreadable };
}

describe('what is dropped', () => {
  it('is every file in every folder, in order, with its path', async () => {
    const { paths } = await dropped({ 'a.txt': 'a', dir: { 'b.txt': 'b', deep: { 'c.txt': 'c' } }, 'd.txt': 'd' });
    expect(paths).toEqual(['a.txt', 'dir/b.txt', 'dir/deep/c.txt', 'd.txt']);
  });

  it('comes without what cannot be read, which is counted', async () => {
    const tree = { dir: { 'a.txt': 'a', 'locked.txt': null, deep: { 'gone.txt': null, 'z.txt': 'z' } } };
    expect(await dropped(tree)).toEqual({ paths: ['dir/a.txt', 'dir/deep/z.txt'], unreadable: 2 });
  });

  it('may be a folder without a file', async () => {
    expect(await dropped({ dir: { deep: {} } })).toEqual({ paths: [], unreadable: 0 });
  });
});
