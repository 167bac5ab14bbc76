import { beforeEach, describe, expect, it } from 'vitest';

import { forget, unfinishedIn } from './unfinished';

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

describe('unfinished uploads', () => {
  let storage: Storage;
  beforeEach(() => {
    storage = new MapStorage();
    storage.setItem('tus::aerostore/5/1/b/a::17', entry('b', 'a'));
  });

  const names = () => unfinishedIn(storage, 'b', NOW, DAY_MS).map(({ key }) => key);

  it('are found by bucket', () => {
    storage.setItem('tus::aerostore/5/1/c/z::18', entry('c', 'z'));
    expect(names()).toEqual(['a']);
  });

  it('are over when the server has dropped them', () => {
    storage.setItem('tus::aerostore/5/1/b/old::19', entry('b', 'old', '2026-01-29T11:00:00Z'));
    expect(names()).toEqual(['a']);
  });

  it('are not mixed up with what others store', () => {
    storage.setItem('theme', 'dark');
    storage.setItem('tus::aerostore/broken', '{');
    storage.setItem('tus::aerostore/odd', 'null');
    expect(names()).toEqual(['a']);
  });

  it('can be forgotten', () => {
    forget(storage, unfinishedIn(storage, 'b', NOW, DAY_MS));
    expect(names()).toEqual([]);
  });
});
