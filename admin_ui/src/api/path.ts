/** Percent-encode a key for a URL: every character that means something there, but not the slashes. */
export function encPath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

/** Return `path` with the parameters that have a value. */
export function withQuery(path: string, query: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  return search.size > 0 ? `${path}?${search}` : path;
}
