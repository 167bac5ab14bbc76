import { type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { type Row, rowAt } from '../../lib/listing';
import { menuFor } from './actions';
import { clipboard } from './clipboard';
import { chosenRows, clickRow, rowsWith, runCommand } from './commands';
import type { Dropped } from './drag';
import { useLatest } from './effects';
import type { Command } from './grid-keys';
import type { Place } from './listing-query';
import type { Explorer } from './model';
import type { ClickMode, RowEvents } from './row-events';
import { useStore } from './store';
import { type Bring, isListed, useRowActions } from './useRowActions';

/** What the explorer needs of uploads. */
export interface Uploads {
  files: (to: Place, files: Iterable<File>) => void;
  drop: (to: Place, transfer: DataTransfer) => void;
  onStored: (listener: (stored: { bucket: string; key: string }) => void) => () => void;
}

/** What is done to the rows of `explorer`: by keys, by the mouse, by menus and by dropping things. */
export function useExplorerView(explorer: Explorer, uploads: Uploads) {
  const grid = useRef<HTMLDivElement>(null);
  const [isEditingPath, setIsEditingPath] = useState(false);
  const [menuKey, setMenuKey] = useState<string | null>(null);
  const { actions, isPublic, asking, ask, bring } = useRowActions(explorer);
  const { inputs, upload, drop } = useIntake(explorer.place, uploads, bring);
  const canPaste = useStore(clipboard) !== null;
  useFocusAfter(asking !== null, grid);
  const context = { isPublic, canPaste, isSearch: explorer.wanted !== null };
  const menuOf = (rows: readonly Row[]) => menuFor(rows, actions, context);
  const run = (command: Command) =>
    runCommand(command, {
      ...{ explorer, actions, openMenu: setMenuKey },
      focusGrid: () => focus(grid),
      newFolder: () => ask({ type: 'newFolder' }),
      editPath: () => setIsEditingPath(true),
      upload: () => inputs.files.current?.click(),
      uploadFolder: () => inputs.folder.current?.click(),
    });
  const events = useSteadyEvents({
    onClick: (index, mode) => clickRow(explorer, index, mode),
    onOpen: (index) => openAt(explorer, index, actions.open),
    onMenu: setMenuKey,
    onDrop: drop,
    onSpring: (prefix) => explorer.openFolder(prefix),
    rowsToDrag: (row) => rowsToDrag(explorer, row),
    menuFor: (row) => menuOf(rowsWith(explorer, row)),
    onMenuClosed: (event) => {
      event.preventDefault();
      // An item may have opened a dialog, which has the focus now.
      if (asking === null) focus(grid);
    },
  });
  return {
    ...{ grid, inputs, isEditingPath, menuKey, run, upload, drop, events, asking },
    menu: menuOf(chosenRows(explorer)),
    closeDialog: () => ask(null),
    focusGrid: () => focus(grid),
    editPath: (editing: boolean) => {
      setIsEditingPath(editing);
      if (!editing) focus(grid);
    },
  };
}

/** What comes in: files that are chosen or dropped, and rows that are dropped. */
function useIntake(place: Place, uploads: Uploads, bring: Bring) {
  const inputs = { files: useRef<HTMLInputElement>(null), folder: useRef<HTMLInputElement>(null) };
  const upload = (files: Iterable<File>) => uploads.files(place, files);
  const drop = (dropped: Dropped, to: Place) => {
    if (dropped.kind === 'files') uploads.drop(to, dropped.transfer);
    else bring(dropped.mode, dropped.bucket, dropped.rows, to.prefix);
  };
  return { inputs, upload, drop };
}

function focus(grid: RefObject<HTMLElement | null>): void {
  // After the dialog or menu that had the focus has given it to what opened it.
  setTimeout(() => grid.current?.focus({ preventScroll: true }));
}

/** Give the focus back to the grid when a dialog has gone, also when a menu had opened it. */
function useFocusAfter(isOpen: boolean, grid: RefObject<HTMLElement | null>): void {
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    if (wasOpen.current && !isOpen) focus(grid);
    wasOpen.current = isOpen;
  }, [isOpen, grid]);
}

/** Nothing at all when some of what is selected is not listed: it would stay behind without a word. */
function rowsToDrag(explorer: Explorer, row: Row): readonly Row[] {
  const rows = rowsWith(explorer, row);
  return rows.length === 1 || isListed(explorer) ? rows : [];
}

function openAt({ listing }: Explorer, index: number, open: (row: Row) => void): void {
  const row = rowAt(listing, index);
  if (row) open(row);
}

/** Return functions that stay the same and do what the latest ones do, so that rows need not be drawn again. */
function useSteadyEvents(events: RowEvents): RowEvents {
  const latest = useLatest(events);
  return useMemo(
    () => ({
      onClick: (index: number, mode: ClickMode) => latest.current.onClick(index, mode),
      onOpen: (index: number) => latest.current.onOpen(index),
      onMenu: (key: string | null) => latest.current.onMenu(key),
      onDrop: (dropped: Dropped, to: Place) => latest.current.onDrop(dropped, to),
      onSpring: (prefix: string) => latest.current.onSpring(prefix),
      rowsToDrag: (row: Row) => latest.current.rowsToDrag(row),
      menuFor: (row: Row) => latest.current.menuFor(row),
      onMenuClosed: (event: Event) => latest.current.onMenuClosed(event),
    }),
    [latest],
  );
}
