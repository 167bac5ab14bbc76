import { describe, expect, it } from 'vitest';

import { fingerprintOf } from './fingerprint';

const FILE = { size: 5, lastModified: 1700000000000 };

describe('fingerprints', () => {
  it('are the same for the same file and place', () => {
    expect(fingerprintOf('b', 'a/x', FILE)).toBe(fingerprintOf('b', 'a/x', { ...FILE }));
  });

  it.each([
    fingerprintOf('b', 'a/y', FILE),
    fingerprintOf('b/a', 'x', FILE),
    fingerprintOf('b', 'a/x', { ...FILE, size: 6 }),
    fingerprintOf('b', 'a/x', { ...FILE, lastModified: 1 }),
  ])('%s differs from another file or place', (other) => {
    expect(other).not.toBe(fingerprintOf('b', 'a/x', FILE));
  });
});
