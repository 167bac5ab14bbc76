import type { KeyboardEvent } from 'react';
import { parentPrefix } from '../../lib/keys';
import { type Row, rowAt } from '../../lib/listing';
import type { ExplorerTab } from '../../lib/search';
import { isEmptySelection, isSelected } from '../../lib/selection';
import type { RowActions } from './actions';
import { type Command, meaningOf, worksAnywhere } from './grid-keys';
import type { Explorer } from './model';
import type { ClickMode } from './row-events';

/** Keys that lead from the text that is searched for to the rows that are found. */
const LEAVES_SEARCH = new Set(['ArrowDown', 'Enter']);

/** What commands act on. */
export interface CommandContext {
  explorer: Explorer;
  actions: RowActions;
  newFolder: () => void;
  editPath: () => void;
  upload: () => void;
  uploadFolder: () => void;
  openMenu: (key: string) => void;
  focusGrid: () => void;
}

/** Do what `command` says to the rows that are selected, or to the one under the cursor. */
export function runCommand(command: Command, context: CommandContext): void {
  const { explorer, actions } = context;
  const rows = chosenRows(explorer);
  const [first] = rows;
  const one = rows.length === 1 ? first : undefined;
  const some = (act: () => void) => rows.length > 0 && act();
  const doers: Record<Command, () => unknown> = {
    toggle: () => explorer.state.cursor !== null && explorer.dispatch({ type: 'toggle', key: explorer.state.cursor }),
    all: () => explorer.dispatch({ type: 'all' }),
    escape: () => escape(context),
    open: () => openCursor(explorer, actions),
    parent: () => explorer.place.prefix !== '' && explorer.openFolder(parentPrefix(explorer.place.prefix)),
    rename: () => one && actions.rename(one),
    delete: () => some(() => actions.remove(rows)),
    copy: () => some(() => actions.clip('copy', rows)),
    cut: () => some(() => actions.clip('move', rows)),
    paste: actions.paste,
    upload: context.upload,
    uploadFolder: context.uploadFolder,
    newFolder: context.newFolder,
    share: () => showTab(one, 'share', actions),
    details: () => showTab(one, 'details', actions),
    editPath: context.editPath,
    menu: () => openMenu(explorer, context.openMenu),
  };
  doers[command]();
}

/** Answer the keys that work wherever the focus is in the explorer, unless somebody types. */
export function pressAnywhere(
  event: KeyboardEvent<HTMLElement>,
  run: (command: Command) => void,
  focusGrid: () => void,
): void {
  const target = event.target as HTMLElement;
  if (target.matches('[data-search]') && LEAVES_SEARCH.has(event.key)) {
    event.preventDefault();
    return focusGrid();
  }
  // Dialogs and menus are elsewhere in the document, and their keys come by here all the same.
  if (!event.currentTarget.contains(target) || target.closest('input, textarea, select')) return;
  const meaning = meaningOf(event.nativeEvent, false);
  if (meaning?.type !== 'command' || !worksAnywhere(meaning.command)) return;
  event.preventDefault();
  run(meaning.command);
}

/** Return the rows that are selected, or else the one under the cursor. */
export function chosenRows(explorer: Explorer): Row[] {
  const { state, listing, indexOf } = explorer;
  if (!isEmptySelection(state.selection)) return explorer.selectedRows();
  const row = state.cursor === null ? undefined : rowAt(listing, indexOf(state.cursor));
  return row ? [row] : [];
}

/** Return what an action on `row` is about: the whole selection when the row is part of it. */
export function rowsWith(explorer: Explorer, row: Row): Row[] {
  return isSelected(explorer.state.selection, row.key) ? explorer.selectedRows() : [row];
}

/** Select as a click with these keys held does it. */
export function clickRow(explorer: Explorer, index: number, mode: ClickMode): void {
  const key = rowAt(explorer.listing, index)?.key;
  if (mode === 'toggle' && key !== undefined) explorer.dispatch({ type: 'toggle', key });
  else if (mode !== 'toggle') explorer.goTo(index, mode);
}

/** First the selection goes, then the preview, then the search. Whatever had the focus may go with them. */
function escape({ explorer: { state, dispatch, search, setSearch }, focusGrid }: CommandContext): void {
  focusGrid();
  if (!isEmptySelection(state.selection)) dispatch({ type: 'clear' });
  else if (search.preview !== undefined) setSearch({ preview: undefined, tab: undefined });
  else if (search.q !== undefined) setSearch({ q: undefined, scope: undefined });
}

function openCursor({ state, listing, indexOf }: Explorer, actions: RowActions): void {
  const row = state.cursor === null ? undefined : rowAt(listing, indexOf(state.cursor));
  if (row) actions.open(row);
}

function openMenu({ state }: Explorer, open: (key: string) => void): void {
  if (state.cursor !== null) open(state.cursor);
}

function showTab(row: Row | undefined, tab: ExplorerTab, actions: RowActions): void {
  if (row?.kind === 'object') actions.showTab(row, tab);
}
