/** Uploads that an earlier visit of this page began and did not end; the browser remembers where they are. */

import { fingerprintsOf } from '../../lib/fingerprint';

const MARK = 'tus::';

export interface Unfinished {
  storageKey: string;
  fingerprint: string;
  bucket: string;
  key: string;
  createdAt: number;
}

/** Return what the browser remembers by; null when its user lets pages remember nothing. */
export function uploadStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null; // To ask is refused already.
  }
}

/** Return the unfinished uploads by `owner` that `storage` remembers and the server still keeps. */
export function unfinishedOf(storage: Storage, owner: string, now: number, lifetimeMs: number): Unfinished[] {
  return keysOf(storage, owner)
    .map((key) => parsed(key, storage.getItem(key)))
    .filter((found) => found !== null)
    .filter((found) => now - found.createdAt < lifetimeMs);
}

/** Let the browser forget uploads; the server drops their bytes when their time is over. */
export function forget(storageKeys: readonly string[], storage = uploadStorage()): void {
  for (const key of storageKeys) storage?.removeItem(key);
}

/** Let the browser forget every upload by `owner`, whose names are nothing for the next one to read. */
export function forgetAll(owner: string, storage = uploadStorage()): void {
  if (storage) forget(keysOf(storage, owner), storage);
}

function keysOf(storage: Storage, owner: string): string[] {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');
  return keys.filter((key) => key.startsWith(MARK + fingerprintsOf(owner)));
}

function parsed(storageKey: string, text: string | null): Unfinished | null {
  try {
    const { creationTime, metadata } = JSON.parse(text ?? '') as {
      creationTime: string;
      metadata: { bucketName: string; objectName: string };
    };
    const createdAt = Date.parse(creationTime);
    if (Number.isNaN(createdAt)) return null;
    const fingerprint = storageKey.slice(MARK.length, storageKey.lastIndexOf('::'));
    return { storageKey, fingerprint, bucket: metadata.bucketName, key: metadata.objectName, createdAt };
  } catch {
    return null; // Somebody else's entry, or a damaged one.
  }
}
