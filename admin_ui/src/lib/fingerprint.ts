/** What tells that a file on disk and an unfinished upload belong together, also after a reload. Pure. */

export interface FileIdentity {
  size: number;
  lastModified: number;
}

/**
 * Return the fingerprint of an upload of `file` to `key` of `bucket` by `owner`.
 *
 * Every text in it is encoded, so that no two uploads share one, whatever their names hold.
 */
export function fingerprintOf(owner: string, bucket: string, key: string, file: FileIdentity): string {
  const address = `${encodeURIComponent(bucket)}/${encodeURIComponent(key)}`;
  return `${fingerprintsOf(owner)}${file.size}/${file.lastModified}/${address}`;
}

/** Return what the fingerprints of all uploads by `owner` begin with. */
export function fingerprintsOf(owner: string): string {
  return `aerostore/${encodeURIComponent(owner)}/`;
}
