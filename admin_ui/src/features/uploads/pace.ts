/** How fast bytes go, from what was sent in the last seconds. Pure. */

const WINDOW_MS = 5000;

export interface Pace {
  samples: readonly { at: number; bytes: number }[];
}

export const AT_REST: Pace = { samples: [] };

/** Return `pace` after `bytes` in all were sent at `now`, in milliseconds. Fewer bytes than before begin anew. */
export function paced(pace: Pace, bytes: number, now: number): Pace {
  const last = pace.samples.at(-1);
  if (last && bytes < last.bytes) return { samples: [{ at: now, bytes }] };
  const recent = pace.samples.filter((sample) => now - sample.at <= WINDOW_MS);
  return { samples: [...recent, { at: now, bytes }] };
}

/** Return bytes per second, or null while too little is known. */
export function speedOf({ samples }: Pace): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < 500) return null;
  return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
}

/** Return how many seconds `bytes` take at this pace, or null when nobody can tell. */
export function secondsFor(bytes: number, pace: Pace): number | null {
  const speed = speedOf(pace);
  return speed ? Math.ceil(bytes / speed) : null;
}
