import { describe, expect, it } from 'vitest';

import { fingerprintOf } from './fingerprint';

const FILE = { size: 5, lastModified: 1700000000000 };

describe('fingerprints', () => {
  it('are the same for the same file and place', () => {
    expect(fingerprintOf('me', 'b', 'a/x', FILE)).toBe(fingerprintOf('me', 'b', 'a/x', { ...FILE }));
  });

  it.each([
    fingerprintOf('me', 'b', 'a/y', FILE),
    fingerprintOf('me', 'b/a', 'x', FILE),
    fingerprintOf('me', 'b', 'a/x', { ...FILE, size: 6 }),
    fingerprintOf('me', 'b', 'a/x', { ...FILE, lastModified: 1 }),
    fingerprintOf('you', 'b', 'a/x', FILE),
    fingerprintOf('me/5', 'b', 'a/x', FILE),
  ])('%s differs from another file, place or owner', (other) => {
    expect(other).not.toBe(fingerprintOf('me', 'b', 'a/x', FILE));
  });
});
