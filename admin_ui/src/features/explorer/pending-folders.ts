import { isInside, parentPrefix } from '../../lib/keys';
import { Store } from './store';

/** Folders that were made here and that nothing lies in yet, by bucket. The server knows nothing of them. */
export const pendingFolders = new Store<ReadonlyMap<string, readonly string[]>>(new Map());

/** Add the folder `prefix`; it stays until something lies in it or the page is closed. */
export function addPendingFolder(bucket: string, prefix: string): void {
  change(bucket, (prefixes) => [...prefixes.filter((each) => each !== prefix), prefix]);
}

/** Drop `prefix` and the pending folders in it: they were deleted. */
export function dropPendingFolder(bucket: string, prefix: string): void {
  change(bucket, (prefixes) => prefixes.filter((each) => !isInside(each, prefix)));
}

/** Give the folder `prefix`, and those in it, the name `to`. */
export function renamePendingFolder(bucket: string, prefix: string, to: string): void {
  const renamed = (each: string) => (isInside(each, prefix) ? to + each.slice(prefix.length) : each);
  change(bucket, (prefixes) => prefixes.map(renamed));
}

/** Drop the folders that `key` lies in: they are real now. */
export function settlePendingFolders(bucket: string, key: string): void {
  change(bucket, (prefixes) => prefixes.filter((each) => !isInside(key, each)));
}

/** Return the pending folders that lie directly in `parent`, with those on the way to deeper ones. */
export function pendingIn(all: ReadonlyMap<string, readonly string[]>, bucket: string, parent: string): string[] {
  const below = (all.get(bucket) ?? []).filter((each) => each !== parent && isInside(each, parent));
  return [...new Set(below.map((each) => childOn(parent, each)))];
}

/** Return the folder directly in `parent` that leads to `key`, or null when `key` is not below it. */
export function childTowards(parent: string, key: string): string | null {
  return key !== parent && isInside(key, parent) && parentPrefix(key) !== key ? childOn(parent, key) : null;
}

function childOn(parent: string, key: string): string {
  return key.slice(0, key.indexOf('/', parent.length) + 1);
}

function change(bucket: string, next: (prefixes: readonly string[]) => readonly string[]): void {
  const all = pendingFolders.get();
  const before = all.get(bucket) ?? [];
  const after = next(before);
  if (after.length === before.length && after.every((each, index) => each === before[index])) return;
  pendingFolders.set(new Map([...all, [bucket, after]]));
}
