/** Keys of objects and prefixes of folders as text: parts, rules and new names. Pure. */

import { folderOf } from './route';

export const MAX_KEY_BYTES = 1024;

// Half of a surrogate pair.
const NOT_UNICODE = /\p{Cs}/u;
// The characters that the server refuses: controls, line and paragraph separators.
const FORBIDDEN_CHARACTER = /[\p{Cc}\u2028\u2029]/u;
const NUMBERED = / \((\d{1,6})\)$/;

export interface Crumb {
  label: string;
  prefix: string;
}

/** Tell whether `key` names a folder: such keys end with a slash. */
export function isFolderKey(key: string): boolean {
  return key.endsWith('/');
}

/** Return the prefix of the folder that holds `key`, which may be a folder's; "" is the root of the bucket. */
export function parentPrefix(key: string): string {
  const path = isFolderKey(key) ? key.slice(0, -1) : key;
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Return the last segment of `key`, without the slash of a folder. */
export function labelOf(key: string): string {
  const label = key.slice(parentPrefix(key).length);
  return isFolderKey(label) ? label.slice(0, -1) : label;
}

/** Return the folders on the way to `prefix`, outermost first, without the bucket itself. */
export function crumbsOf(prefix: string): Crumb[] {
  const crumbs: Crumb[] = [];
  for (let end = prefix.indexOf('/'); end !== -1; end = prefix.indexOf('/', end + 1)) {
    const folder = prefix.slice(0, end + 1);
    crumbs.push({ label: labelOf(folder), prefix: folder });
  }
  return crumbs;
}

/**
 * Read what somebody typed as a folder: slashes around it do not matter.
 *
 * `known` is the folder that the text began as. As long as it begins with it, that part stays as it is: a folder may
 * have a name without letters, and slashes are all that is seen of it.
 */
export function toPrefix(text: string, known = ''): string {
  const start = text.startsWith(known) ? known : '';
  const path = text.slice(start.length).replace(/^\/+|\/+$/g, '');
  return path === '' ? start : `${start}${path}/`;
}

/** Tell whether `key` is the folder `prefix` or something inside it. */
export function isInside(key: string, prefix: string): boolean {
  return key.startsWith(prefix);
}

/** Return the name to try after that of the object `key` turned out to be taken: `a.txt`, `a (2).txt`, … */
export function nextKey(key: string): string {
  const folder = folderOf(key);
  const label = key.slice(folder.length);
  return folder + freeLabel(label, (candidate) => candidate === label);
}

/** Return the length of `text` in UTF-8, which is what the server counts. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * Say what is wrong with `key` as the name of an object or a folder, or return null when nothing is.
 *
 * Source: the rule for object names in the error reference (`InvalidKey`).
 */
export function keyProblem(key: string): string | null {
  if (key === '' || key === '/') return 'Enter a name.';
  if (FORBIDDEN_CHARACTER.test(key)) return 'Remove control characters and line breaks.';
  if (NOT_UNICODE.test(key)) return 'This name is not valid Unicode.';
  const path = isFolderKey(key) ? key.slice(0, -1) : key;
  const segments = path.split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) return '“.” and “..” cannot be names.';
  if (byteLength(key) > MAX_KEY_BYTES) return `The whole path may have ${MAX_KEY_BYTES} bytes; shorten it.`;
  return null;
}

/** Say what is wrong with `prefix` as a folder to open or to put things into, or return null when nothing is. */
export function folderProblem(prefix: string): string | null {
  // The root of the bucket, and in it the folder of the keys that begin with a slash.
  return prefix === '' || prefix === '/' ? null : keyProblem(prefix);
}

/** Say what is wrong with `label` as the last segment below `prefix`, or return null when nothing is. */
export function labelProblem(prefix: string, label: string): string | null {
  if (label.trim() === '') return 'Enter a name.';
  if (label.includes('/')) return 'Leave out “/”: it separates folders.';
  return keyProblem(prefix + label);
}

/** Return where the name ends and the extension begins: `report.tar.gz` gives 10, `.env` its whole length. */
export function stemLength(label: string): number {
  const dot = label.lastIndexOf('.');
  return dot > 0 ? dot : label.length;
}

/** Return `label`, or the first of `label (2)`, `label (3)`, … that is not taken; the extension stays last. */
export function freeLabel(label: string, isTaken: (label: string) => boolean): string {
  if (!isTaken(label)) return label;
  const end = stemLength(label);
  const [stem, extension] = [label.slice(0, end), label.slice(end)];
  const base = stem.replace(NUMBERED, '');
  let number = Number(NUMBERED.exec(stem)?.[1] ?? 1);
  let candidate: string;
  do {
    number += 1;
    candidate = `${base} (${number})${extension}`;
  } while (isTaken(candidate));
  return candidate;
}
