/** Type-ahead in lists: letters typed quickly after one another search for a row by the beginning of its label. */

/** A letter that comes later begins another search. */
export const PAUSE_MS = 700;

export interface Typed {
  text: string;
  at: number;
}

export const NOTHING_TYPED: Typed = { text: '', at: Number.NEGATIVE_INFINITY };

/** Return what is being searched for after `character` was typed at `now`, in milliseconds. */
export function typed(before: Typed, character: string, now: number): Typed {
  const continues = now - before.at <= PAUSE_MS;
  return { text: (continues ? before.text : '') + character.toLocaleLowerCase(), at: now };
}

/**
 * Return the index of the row that `text` means, looking from `current` downwards and around; -1 when none.
 *
 * One letter, also repeated, goes to the next row with it; more letters may stay on the current row.
 */
export function findTyped(
  count: number,
  labelAt: (index: number) => string,
  text: string,
  current: number,
): number {
  const isOneLetter = new Set(text).size === 1;
  const wanted = isOneLetter ? text.slice(0, 1) : text;
  const start = isOneLetter ? current + 1 : Math.max(current, 0);
  for (let step = 0; step < count; step += 1) {
    const index = (start + step) % count;
    if (labelAt(index).toLocaleLowerCase().startsWith(wanted)) return index;
  }
  return -1;
}
