/** Uploads that an earlier visit of this page began and did not end; the browser remembers where they are. */

const MARK = 'tus::aerostore/';

export interface Unfinished {
  storageKey: string;
  bucket: string;
  key: string;
  createdAt: number;
}

/** Return the unfinished uploads to `bucket` that `storage` remembers and the server still keeps. */
export function unfinishedIn(storage: Storage, bucket: string, now: number, lifetimeMs: number): Unfinished[] {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');
  return keys
    .filter((key) => key.startsWith(MARK))
    .map((key) => parsed(key, storage.getItem(key)))
    .filter((found) => found !== null)
    .filter((found) => found.bucket === bucket && now - found.createdAt < lifetimeMs);
}

/** Let the browser forget `uploads`; the server drops their bytes when their time is over. */
export function forget(storage: Storage, uploads: readonly Unfinished[]): void {
  for (const { storageKey } of uploads) storage.removeItem(storageKey);
}

function parsed(storageKey: string, text: string | null): Unfinished | null {
  try {
    const { creationTime, metadata } = JSON.parse(text ?? '') as {
      creationTime: string;
      metadata: { bucketName: string; objectName: string };
    };
    const createdAt = Date.parse(creationTime);
    if (Number.isNaN(createdAt)) return null;
    return { storageKey, bucket: metadata.bucketName, key: metadata.objectName, createdAt };
  } catch {
    return null; // Somebody else's entry, or a damaged one.
  }
}
