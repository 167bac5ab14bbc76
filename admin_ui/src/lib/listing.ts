/** One folder as a list that grows page by page: folders first, then objects, each in the server's order. Pure. */

import { labelOf, parentPrefix } from './keys';
import { folderOf } from './route';

export const FIRST_PAGE = 200;
export const NEXT_PAGE = 5000;
// 36 px rows beyond about 460,000 are taller than browsers can show; half of it is plenty.
export const MAX_ROWS = 250_000;

export interface FolderRow {
  kind: 'folder';
  key: string;
  label: string;
  updatedAt: string | null;
  /** A folder that exists on this page only, until the first object lies in it. */
  isPending?: boolean;
}

export interface ObjectRow {
  kind: 'object';
  key: string;
  label: string;
  sizeBytes: number;
  mimeType: string;
  updatedAt: string;
}

export type Row = FolderRow | ObjectRow;

export interface ListingPage {
  folders: FolderRow[];
  objects: ObjectRow[];
  nextCursor: string | null;
}

/** capped: rows were left out because there are too many. */
export type Progress = 'loading' | 'complete' | 'capped';

/** Rows are never changed in place. */
export interface Listing {
  folders: readonly FolderRow[];
  objects: readonly ObjectRow[];
  progress: Progress;
}

export const EMPTY_LISTING: Listing = { folders: [], objects: [], progress: 'loading' };

/** Tell whether the server knows of the row. */
export function isStored(row: Row): boolean {
  return row.kind === 'object' || !row.isPending;
}

/** Return the prefix of the folder that holds the row. Some tools store objects whose names end with a slash. */
export function parentOf({ kind, key }: Row): string {
  return kind === 'folder' ? parentPrefix(key) : folderOf(key);
}

/** Return how many rows are loaded. */
export function rowCount(listing: Listing): number {
  return listing.folders.length + listing.objects.length;
}

/** Return the row at `index`, folders first. */
export function rowAt(listing: Listing, index: number): Row | undefined {
  const folders = listing.folders.length;
  return index < folders ? listing.folders[index] : listing.objects[index - folders];
}

/** Return every row, folders first. */
export function allRows(listing: Listing): Row[] {
  return [...listing.folders, ...listing.objects];
}

/** Return where each key stands. */
export function positions(listing: Listing): Map<string, number> {
  const found = new Map<string, number>();
  for (const row of listing.folders) found.set(row.key, found.size);
  for (const row of listing.objects) found.set(row.key, found.size);
  return found;
}

/** Return the keys from index `a` to index `b`, both included, in either order. */
export function keysBetween(listing: Listing, a: number, b: number): string[] {
  const [first, last] = a < b ? [a, b] : [b, a];
  const keys: string[] = [];
  for (let index = first; index <= last; index += 1) {
    const row = rowAt(listing, index);
    if (row) keys.push(row.key);
  }
  return keys;
}

/** Puts pages behind one another. Folders that are there already stay as they are. */
export class ListingBuilder {
  readonly #folders: FolderRow[] = [];
  readonly #objects: ObjectRow[] = [];
  readonly #known = new Set<string>();
  readonly #maxRows: number;
  #progress: Progress = 'loading';

  constructor(maxRows = MAX_ROWS) {
    this.#maxRows = maxRows;
  }

  get progress(): Progress {
    return this.#progress;
  }

  add({ folders, objects, nextCursor }: ListingPage): void {
    for (const folder of folders) this.#addFolder(folder);
    const room = Math.max(0, this.#maxRows - this.#folders.length - this.#objects.length);
    this.#objects.push(...objects.slice(0, room));
    const isFull = objects.length > room || (nextCursor !== null && objects.length >= room);
    this.#progress = isFull ? 'capped' : nextCursor === null ? 'complete' : 'loading';
  }

  /** Return what is there now; later pages do not change it. */
  listing(): Listing {
    return { folders: [...this.#folders], objects: [...this.#objects], progress: this.#progress };
  }

  #addFolder(folder: FolderRow): void {
    if (this.#known.has(folder.key)) return;
    this.#known.add(folder.key);
    this.#folders.push(folder);
  }
}

/** Return `listing` without the rows of `keys`. */
export function without(listing: Listing, keys: Iterable<string>): Listing {
  const gone = new Set(keys);
  return {
    ...listing,
    folders: listing.folders.filter((row) => !gone.has(row.key)),
    objects: listing.objects.filter((row) => !gone.has(row.key)),
  };
}

/**
 * Return `listing` with the object at `key` under the name `to`.
 *
 * A list in the order of names stays in it: a row that moved at the next refresh would leave another one under the mouse.
 */
export function withRenamed(listing: Listing, key: string, to: string): Listing {
  const rename = (row: ObjectRow): ObjectRow => (row.key === key ? { ...row, key: to, label: labelOf(to) } : row);
  const objects = listing.objects.map(rename);
  const direction = directionOf(listing.objects);
  if (direction === 0) return { ...listing, objects };
  return { ...listing, objects: objects.toSorted((one, other) => direction * compared(one.key, other.key)) };
}

/** Return 1 for rows in the order of their names, -1 for the order from the last to the first, 0 for another one. */
function directionOf(rows: readonly ObjectRow[]): number {
  const goes = (direction: number) =>
    rows.every(({ key }, at) => at === 0 || direction * compared(rows[at - 1]?.key ?? '', key) < 0);
  return [1, -1].find(goes) ?? 0;
}

function compared(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Return `listing` with the folders of `prefixes` that it lacks, marked as pending and in front. */
export function withPending(listing: Listing, prefixes: readonly string[]): Listing {
  const known = new Set(listing.folders.map((row) => row.key));
  const missing = prefixes.filter((prefix) => !known.has(prefix));
  if (missing.length === 0) return listing;
  return { ...listing, folders: [...missing.map(pendingFolder), ...listing.folders] };
}

function pendingFolder(key: string): FolderRow {
  return { kind: 'folder', key, label: labelOf(key), updatedAt: null, isPending: true };
}

/** How a page is asked for: `cursor` null is the first one; a shorter page than `limit` is fine. */
export type FetchPage = (
  cursor: string | null,
  limit: number,
  signal: AbortSignal,
) => Promise<ListingPage>;

/**
 * Yield the builder after each page, a short page first so that something is there soon.
 *
 * Ends when the list does, at `maxRows`, or without a word once `signal` is aborted.
 */
export async function* growingListing(
  fetchPage: FetchPage,
  signal: AbortSignal,
  maxRows = MAX_ROWS,
): AsyncGenerator<ListingBuilder> {
  const builder = new ListingBuilder(maxRows);
  let cursor: string | null = null;
  do {
    const page: ListingPage = await fetchPage(cursor, cursor === null ? FIRST_PAGE : NEXT_PAGE, signal);
    if (signal.aborted) return;
    builder.add(page);
    cursor = page.nextCursor;
    yield builder;
  } while (builder.progress === 'loading');
}
