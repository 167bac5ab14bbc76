/** What tells that a file on disk and an unfinished upload belong together, also after a reload. Pure. */

export interface FileIdentity {
  size: number;
  lastModified: number;
}

/**
 * Return the fingerprint of an upload of `file` to `key` of `bucket`.
 *
 * Bucket and key are encoded, so that no two uploads share one, whatever their names hold.
 */
export function fingerprintOf(bucket: string, key: string, file: FileIdentity): string {
  const address = `${encodeURIComponent(bucket)}/${encodeURIComponent(key)}`;
  return `aerostore/${file.size}/${file.lastModified}/${address}`;
}
