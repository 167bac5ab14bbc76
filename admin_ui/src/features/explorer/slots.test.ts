import { describe, expect, it } from 'vitest';

import { NO_SLOTS, type Slots, slotOf, slotsFor } from './slots';

const LENGTH = 12;

function drawn(slots: Slots): number[] {
  return Array.from({ length: LENGTH }, (_, row) => slotOf(slots, slots.first + row));
}

describe('slots', () => {
  it('a view that goes on by a row moves one element', () => {
    const before = slotsFor(NO_SLOTS, 40, LENGTH);
    const [first, ...others] = drawn(before);
    expect(drawn(slotsFor(before, 41, LENGTH))).toEqual([...others, first]);
  });

  it('a view that goes back by a row moves one element', () => {
    const before = slotsFor(NO_SLOTS, 40, LENGTH);
    const order = drawn(before);
    expect(drawn(slotsFor(before, 39, LENGTH))).toEqual([order.at(-1), ...order.slice(0, -1)]);
  });

  it.each([7, 300, 99_000, -40])('a view that jumps by %i rows moves no element', (rows) => {
    const before = slotsFor(slotsFor(NO_SLOTS, 40, LENGTH), 43, LENGTH);
    expect(drawn(slotsFor(before, 43 + rows, LENGTH))).toEqual(drawn(before));
  });

  it('two rows of a view never share an element, however it went there', () => {
    let slots = NO_SLOTS;
    for (const first of [0, 1, 3, 90_000, 89_999, 5, 0, 20_000, 20_007, 4]) {
      slots = slotsFor(slots, first, LENGTH);
      expect(new Set(drawn(slots)).size).toBe(LENGTH);
    }
  });

  it('a longer view gets more elements, and a shorter one keeps them', () => {
    const longer = slotsFor(NO_SLOTS, 0, 20);
    expect(longer.count).toBe(20);
    expect(slotsFor(longer, 0, 5)).toBe(longer);
  });
});
