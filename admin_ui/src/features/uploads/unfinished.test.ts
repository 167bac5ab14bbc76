import { beforeEach, describe, expect, it } from 'vitest';

import { fingerprintOf } from '../../lib/fingerprint';
import { forget, forgetAll, unfinishedOf } from './unfinished';

const NOW = Date.parse('2026-01-31T12:00:00Z');
const DAY_MS = 86_400_000;

class MapStorage implements Storage {
  readonly #map = new Map<string, string>();
  get length(): number {
    return this.#map.size;
  }
  key = (index: number) => [...this.#map.keys()][index] ?? null;
  getItem = (key: string) => this.#map.get(key) ?? null;
  setItem = (key: string, value: string) => void this.#map.set(key, value);
  removeItem = (key: string) => void this.#map.delete(key);
  clear = () => this.#map.clear();
}

function entry(bucket: string, key: string, creationTime = '2026-01-31T11:00:00Z'): string {
  return JSON.stringify({ creationTime, metadata: { bucketName: bucket, objectName: key }, uploadUrl: 'x' });
}

/** The library's own name for what it remembers of an upload. */
function storageKey(owner: string, bucket: string, key: string): string {
  return `tus::${fingerprintOf(owner, bucket, key, { size: 5, lastModified: 1 })}::17`;
}

describe('unfinished uploads', () => {
  let storage: Storage;
  beforeEach(() => {
    storage = new MapStorage();
    storage.setItem(storageKey('me', 'b', 'a'), entry('b', 'a'));
  });

  const names = (owner = 'me') => unfinishedOf(storage, owner, NOW, DAY_MS).map(({ key }) => key);

  it('are told with the fingerprint that their lock has', () => {
    expect(unfinishedOf(storage, 'me', NOW, DAY_MS)).toMatchObject([
      { bucket: 'b', key: 'a', fingerprint: fingerprintOf('me', 'b', 'a', { size: 5, lastModified: 1 }) },
    ]);
  });

  it('are those of their owner alone', () => {
    storage.setItem(storageKey('you', 'b', 'z'), entry('b', 'z'));
    expect(names()).toEqual(['a']);
    expect(names('you')).toEqual(['z']);
  });

  it('are over when the server has dropped them', () => {
    storage.setItem(storageKey('me', 'b', 'old'), entry('b', 'old', '2026-01-29T11:00:00Z'));
    expect(names()).toEqual(['a']);
  });

  it('are not mixed up with what others store', () => {
    storage.setItem('theme', 'dark');
    storage.setItem('tus::aerostore/me/broken', '{');
    storage.setItem('tus::aerostore/me/odd', 'null');
    expect(names()).toEqual(['a']);
  });

  it('can be forgotten, one by one and all at once, but not those of others', () => {
    storage.setItem(storageKey('me', 'c', 'd'), entry('c', 'd'));
    storage.setItem(storageKey('you', 'b', 'z'), entry('b', 'z'));
    forget([storageKey('me', 'c', 'd')], storage);
    expect(names()).toEqual(['a']);
    forgetAll('me', storage);
    expect([names(), names('you')]).toEqual([[], ['z']]);
  });
});
