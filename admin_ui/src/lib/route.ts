/**
 * Folders in URLs. A router joins empty segments, and `-` begins the pages about a bucket, so both are written
 * with a `~` there; a segment that begins with `~` gets one more.
 */

export function escapeFolder(prefix: string): string {
  const folder = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return prefix === '' ? '' : folder.split('/').map(escapeSegment).join('/');
}

/** Return the prefix that `splat`, the rest of a URL's path, stands for. It ends with a slash unless it is empty. */
export function unescapeFolder(splat: string): string {
  const folder = splat.replace(/\/+$/, '');
  return folder === '' ? '' : `${folder.split('/').map(unescapeSegment).join('/')}/`;
}

function escapeSegment(segment: string): string {
  if (segment === '') return '~';
  return segment === '-' || segment.startsWith('~') ? `~${segment}` : segment;
}

function unescapeSegment(segment: string): string {
  return segment.startsWith('~') ? segment.slice(1) : segment;
}

/** What a link to a folder needs; spread it into `<Link>` or `navigate`. */
export function folderLink(bucket: string, prefix: string) {
  return { to: '/buckets/$bucket/$', params: { bucket, _splat: escapeFolder(prefix) } } as const;
}

/** Return the prefix of the folder that holds the object `name`. */
export function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1);
}
