/** Says to the other tabs of this browser what this one is uploading. */

/**
 * Keeps one upload from other tabs.
 *
 * Browsers offer this to secure pages only. Elsewhere every tab gets what it claims, and the server refuses the bytes
 * of the slower one.
 */
export class Claim {
  readonly #name: string;
  #isWanted = false;
  #asking: Promise<(() => void) | null> | null = null;
  #end: (() => void) | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  /** Returns whether the upload is this tab's from now on; false while it is another's. */
  async take(): Promise<boolean> {
    this.#isWanted = true;
    if (this.#end || !('locks' in navigator)) return true;
    this.#asking ??= held(this.#name, () => this.#isWanted).finally(() => (this.#asking = null));
    this.#end = await this.#asking;
    return this.#end !== null;
  }

  release(): void {
    this.#isWanted = false;
    this.#end?.();
    this.#end = null;
  }
}

/** Return the names of what the tabs of this browser are uploading. */
export async function claimedNames(): Promise<ReadonlySet<string>> {
  if (!('locks' in navigator)) return new Set();
  const { held: locks = [] } = await navigator.locks.query();
  return new Set(locks.map(({ name }) => name).filter((name) => name !== undefined));
}

/** Hold a lock until what is returned is called; null when it is held by somebody, or was not wanted any more. */
function held(name: string, isWanted: () => boolean): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    const keep = (lock: Lock | null) =>
      lock && isWanted() ? new Promise<void>((end) => resolve(end)) : resolve(null);
    navigator.locks.request(name, { ifAvailable: true }, keep).catch(reject);
  });
}
