/** What becomes of the selection and the cursor when rows go: no key stays selected that nobody sees. Pure. */

import { type Listing, rowAt, rowCount } from '../../lib/listing';
import type { SelectionAction, SelectionState } from '../../lib/selection';

export interface KnownRows {
  listing: Listing;
  indexOf: (key: string) => number;
}

/**
 * Return how to forget the rows that are in `before` and not in `now`, or null when none of them mattered.
 *
 * The cursor goes to the next row that stayed. Keys that were in neither list stay: a folder that is being renamed
 * is not there under its new name yet.
 */
export function forgetLost(before: KnownRows, now: KnownRows, state: SelectionState): SelectionAction | null {
  const { selection, cursor } = state;
  const marked = selection.all ? selection.except : selection.keys;
  const isLost = (key: string) => before.indexOf(key) >= 0 && now.indexOf(key) < 0;
  const keys = [...marked].filter(isLost);
  if (cursor !== null && isLost(cursor)) {
    return { type: 'forget', keys: [...keys, cursor], cursor: nearestKept(before, now, cursor) };
  }
  return keys.length === 0 ? null : { type: 'forget', keys, cursor };
}

function nearestKept(before: KnownRows, now: KnownRows, key: string): string | null {
  const at = before.indexOf(key);
  return keptFrom(before, now, at, 1) ?? keptFrom(before, now, at, -1);
}

function keptFrom({ listing }: KnownRows, now: KnownRows, start: number, step: 1 | -1): string | null {
  for (let index = start; index >= 0 && index < rowCount(listing); index += step) {
    const key = rowAt(listing, index)?.key;
    if (key !== undefined && now.indexOf(key) >= 0) return key;
  }
  return null;
}
