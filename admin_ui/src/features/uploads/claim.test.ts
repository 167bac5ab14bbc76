import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Claim, claimedNames } from './claim';

type Callback = (lock: object | null) => unknown;

/** What a browser does with locks that are asked for with `ifAvailable`, for all tabs of it. */
class Locks {
  readonly #held = new Set<string>();

  request = async (name: string, _options: object, callback: Callback) => {
    await Promise.resolve();
    if (this.#held.has(name)) return callback(null);
    this.#held.add(name);
    return Promise.resolve(callback({ name })).finally(() => this.#held.delete(name));
  };

  query = () => Promise.resolve({ held: [...this.#held].map((name) => ({ name })) });
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

describe('a claim', () => {
  beforeEach(() => vi.stubGlobal('navigator', { locks: new Locks() }));
  afterEach(() => vi.unstubAllGlobals());

  it('is of one tab alone until it is released', async () => {
    const [here, there] = [new Claim('film'), new Claim('film')];
    expect([await here.take(), await there.take()]).toEqual([true, false]);
    expect([await here.take(), await new Claim('song').take()]).toEqual([true, true]);
    here.release();
    await settle();
    expect(await there.take()).toBe(true);
  });

  it('is not taken from oneself by asking twice at once', async () => {
    const claim = new Claim('film');
    expect(await Promise.all([claim.take(), claim.take()])).toEqual([true, true]);
    claim.release();
    await settle();
    expect(await new Claim('film').take()).toBe(true);
  });

  it('is seen by every tab', async () => {
    const claim = new Claim('film');
    await claim.take();
    expect(await claimedNames()).toEqual(new Set(['film']));
    claim.release();
    await settle();
    expect(await claimedNames()).toEqual(new Set());
  });

  it('that is given up before it is there is not kept', async () => {
    const claim = new Claim('film');
    const taking = claim.take();
    claim.release();
    expect(await taking).toBe(false);
    await settle();
    expect(await new Claim('film').take()).toBe(true);
  });

  it('is granted where browsers offer none', async () => {
    vi.stubGlobal('navigator', {});
    expect([await new Claim('film').take(), await new Claim('film').take()]).toEqual([true, true]);
    expect(await claimedNames()).toEqual(new Set());
  });
});
