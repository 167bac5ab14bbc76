/**
 * Which element of the grid draws which row: rows come and go while somebody scrolls, elements stay.
 *
 * To give an element another row is cheap, to move an element among others is not: the browser forgets all that it
 * knew of its styles. A view that goes on by a few rows gives the elements that left it to those rows, and moves only
 * them. A view that jumps gives every element another row, and moves none.
 */
export interface Slots {
  /** The first row of the view. */
  first: number;
  /** How many elements there are: the most rows a view has had, at least 1. */
  count: number;
  /** A row that the first element draws. */
  base: number;
}

export const NO_SLOTS: Slots = { first: 0, count: 1, base: 0 };

/** Return the slots for a view of `length` rows from `first`: those of `before` when it is the same view. */
export function slotsFor(before: Slots, first: number, length: number): Slots {
  const count = Math.max(before.count, length);
  const step = first - before.first;
  if (step === 0 && count === before.count) return before;
  const isJump = Math.abs(step) > count / 3;
  return { first, count, base: isJump ? before.base + step : before.base };
}

/** Return the number of the element that draws the row at `index`: two rows of one view never share one. */
export function slotOf({ base, count }: Slots, index: number): number {
  return (((index - base) % count) + count) % count;
}
