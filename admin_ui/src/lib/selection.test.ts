import { describe, expect, it } from 'vitest';

import {
  countSelected,
  isEmptySelection,
  isSelected,
  isWhole,
  NO_SELECTION,
  selectionReducer,
  type SelectionAction,
  type SelectionState,
} from './selection';

function after(...actions: SelectionAction[]): SelectionState {
  return actions.reduce(selectionReducer, NO_SELECTION);
}

function keysOf({ selection }: SelectionState): string[] {
  return [...(selection.all ? selection.except : selection.keys)].toSorted();
}

describe('selecting', () => {
  it('a click selects one row and drops the others', () => {
    const state = after({ type: 'select', key: 'a' }, { type: 'select', key: 'b' });
    expect(keysOf(state)).toEqual(['b']);
    expect(state).toMatchObject({ cursor: 'b', anchor: 'b' });
  });

  it('toggling adds and takes away, and moves the anchor', () => {
    const state = after({ type: 'select', key: 'a' }, { type: 'toggle', key: 'b' }, { type: 'toggle', key: 'a' });
    expect(keysOf(state)).toEqual(['b']);
    expect(state.anchor).toBe('a');
  });

  it('moving without selecting leaves the selection alone', () => {
    const state = after({ type: 'select', key: 'a' }, { type: 'point', key: 'c' });
    expect(keysOf(state)).toEqual(['a']);
    expect(state.cursor).toBe('c');
  });
});

describe('ranges', () => {
  it('replace what was selected and keep their anchor', () => {
    const state = after(
      { type: 'select', key: 'b' },
      { type: 'extend', key: 'd', range: ['b', 'c', 'd'] },
      { type: 'extend', key: 'a', range: ['a', 'b'] },
    );
    expect(keysOf(state)).toEqual(['a', 'b']);
    expect(state).toMatchObject({ cursor: 'a', anchor: 'b' });
  });

  it('with Ctrl add to what was selected', () => {
    const state = after(
      { type: 'select', key: 'a' },
      { type: 'toggle', key: 'c' },
      { type: 'extend', key: 'd', range: ['c', 'd'], add: true },
    );
    expect(keysOf(state)).toEqual(['a', 'c', 'd']);
  });

  it('without an anchor begin where they end', () => {
    expect(after({ type: 'extend', key: 'b', range: ['b'] })).toMatchObject({ anchor: 'b', cursor: 'b' });
  });
});

describe('everything', () => {
  it('includes rows that come later', () => {
    const { selection } = after({ type: 'all' });
    expect(isSelected(selection, 'not loaded yet')).toBe(true);
    expect(isWhole(selection)).toBe(true);
  });

  it('can do without single rows', () => {
    const { selection } = after({ type: 'all' }, { type: 'toggle', key: 'b' });
    expect(isSelected(selection, 'b')).toBe(false);
    expect(countSelected(selection, 10)).toBe(9);
    expect(isWhole(selection)).toBe(false);
  });

  it('stays everything when a range is added', () => {
    const { selection } = after({ type: 'all' }, { type: 'extend', key: 'b', range: ['a', 'b'], add: true });
    expect(isWhole(selection)).toBe(true);
  });

  it('is nothing after clear', () => {
    expect(isEmptySelection(after({ type: 'all' }, { type: 'clear' }).selection)).toBe(true);
  });
});

describe('rows that change', () => {
  it('a renamed row stays selected and keeps cursor and anchor', () => {
    const state = after({ type: 'select', key: 'a' }, { type: 'rename', from: 'a', to: 'z' });
    expect(keysOf(state)).toEqual(['z']);
    expect(state).toMatchObject({ cursor: 'z', anchor: 'z' });
  });

  it('deleted rows leave the selection and hand the cursor on', () => {
    const state = after(
      { type: 'select', key: 'a' },
      { type: 'toggle', key: 'b' },
      { type: 'forget', keys: ['b'], cursor: 'c' },
    );
    expect(keysOf(state)).toEqual(['a']);
    expect(state).toMatchObject({ cursor: 'c', anchor: 'c' });
  });

  it('an exception that is deleted is no exception any more', () => {
    const state = after({ type: 'all' }, { type: 'toggle', key: 'b' }, { type: 'forget', keys: ['b'], cursor: null });
    expect(isWhole(state.selection)).toBe(true);
  });
});
