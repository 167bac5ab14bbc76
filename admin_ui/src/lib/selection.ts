/** Which rows of a list are selected, where its cursor is, and how keys and clicks change both. Pure. */

/** Rows by key: those of a set, or all but those of a set, also rows that are yet to be loaded. */
export type Selection = { all: false; keys: ReadonlySet<string> } | { all: true; except: ReadonlySet<string> };

/** anchor: where a range begins that Shift extends. */
export interface SelectionState {
  selection: Selection;
  cursor: string | null;
  anchor: string | null;
}

export type SelectionAction =
  | { type: 'select'; key: string }
  | { type: 'toggle'; key: string }
  | { type: 'extend'; key: string; range: readonly string[]; add?: boolean }
  | { type: 'point'; key: string | null }
  | { type: 'all' }
  | { type: 'clear' }
  | { type: 'rename'; from: string; to: string }
  | { type: 'forget'; keys: readonly string[]; cursor: string | null };

const NOTHING: Selection = { all: false, keys: new Set() };

export const NO_SELECTION: SelectionState = { selection: NOTHING, cursor: null, anchor: null };

/** Return the state after `action`. `extend` takes every key between the anchor and its own, both included. */
export function selectionReducer(state: SelectionState, action: SelectionAction): SelectionState {
  switch (action.type) {
    case 'select':
      return { selection: some([action.key]), cursor: action.key, anchor: action.key };
    case 'toggle':
      return { selection: toggled(state.selection, action.key), cursor: action.key, anchor: action.key };
    case 'extend':
      return extended(state, action.key, action.range, action.add === true);
    case 'point':
      return { ...state, cursor: action.key };
    case 'all':
      return { ...state, selection: { all: true, except: new Set() } };
    case 'clear':
      return { ...state, selection: NOTHING };
    case 'rename':
      return renamed(state, action.from, action.to);
    case 'forget':
      return forgotten(state, action.keys, action.cursor);
  }
}

/** Tell whether the row of `key` is selected. */
export function isSelected(selection: Selection, key: string): boolean {
  return selection.all ? !selection.except.has(key) : selection.keys.has(key);
}

/** Return how many of `total` rows are selected. */
export function countSelected(selection: Selection, total: number): number {
  return selection.all ? Math.max(0, total - selection.except.size) : selection.keys.size;
}

/** Tell whether nothing is selected, whatever the list holds. */
export function isEmptySelection(selection: Selection): boolean {
  return !selection.all && selection.keys.size === 0;
}

/** Tell whether everything is selected, also what is not loaded. */
export function isWhole(selection: Selection): boolean {
  return selection.all && selection.except.size === 0;
}

function some(keys: Iterable<string>): Selection {
  return { all: false, keys: new Set(keys) };
}

function toggled(selection: Selection, key: string): Selection {
  if (selection.all) return { all: true, except: flipped(selection.except, key) };
  return { all: false, keys: flipped(selection.keys, key) };
}

function flipped(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const copy = new Set(keys);
  if (!copy.delete(key)) copy.add(key);
  return copy;
}

function extended(state: SelectionState, key: string, range: readonly string[], add: boolean): SelectionState {
  const anchor = state.anchor ?? key;
  const before = add && !state.selection.all ? state.selection.keys : [];
  if (add && state.selection.all) return { ...state, cursor: key, anchor };
  return { selection: some([...before, ...range]), cursor: key, anchor };
}

function renamed(state: SelectionState, from: string, to: string): SelectionState {
  const follow = (key: string | null) => (key === from ? to : key);
  return {
    selection: mapped(state.selection, (key) => (key === from ? to : key)),
    cursor: follow(state.cursor),
    anchor: follow(state.anchor),
  };
}

function forgotten(state: SelectionState, keys: readonly string[], cursor: string | null): SelectionState {
  const gone = new Set(keys);
  const stay = (key: string | null) => (key !== null && gone.has(key) ? cursor : key);
  return {
    selection: mapped(state.selection, (key) => (gone.has(key) ? null : key)),
    cursor: stay(state.cursor),
    anchor: stay(state.anchor),
  };
}

function mapped(selection: Selection, change: (key: string) => string | null): Selection {
  const keys = [...(selection.all ? selection.except : selection.keys)].map(change);
  const kept = new Set(keys.filter((key) => key !== null));
  return selection.all ? { all: true, except: kept } : { all: false, keys: kept };
}
