import { useVirtualizer } from '@tanstack/react-virtual';
import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { rowAt, rowCount } from '../../lib/listing';
import { isSelected } from '../../lib/selection';
import { findTyped, NOTHING_TYPED, PAUSE_MS, typed } from '../../lib/typeahead';
import { clipboard, isCut } from './clipboard';
import { GridHead } from './GridHead';
import { GridRow } from './GridRow';
import { type Command, type Meaning, meaningOf } from './grid-keys';
import type { Explorer } from './model';
import type { RowEvents } from './row-events';
import { NO_SLOTS, slotOf, type Slots, slotsFor } from './slots';
import { useStore } from './store';

const OVERSCAN = 12;
const DEFAULT_ROW_PX = 36;
const CURSOR_COMMANDS = new Set<Command>(['menu', 'toggle']);

interface GridProps {
  explorer: Explorer;
  gridRef: RefObject<HTMLDivElement | null>;
  menuKey: string | null;
  events: RowEvents;
  onCommand: (command: Command) => void;
}

/**
 * The rows of a folder as an ARIA grid: one stop of the Tab key, the cursor as `aria-activedescendant`.
 *
 * Only rows near the view exist. The head sticks to the top of the scrolling element, so positions count it.
 */
export function Grid({ explorer, gridRef, menuKey, events, onCommand }: GridProps) {
  const { listing, state, place } = explorer;
  const [rowPx] = useState(readRowHeight);
  const id = useId();
  const count = rowCount(listing);
  const cursor = state.cursor === null ? -1 : explorer.indexOf(state.cursor);
  // Not in `Rows`: the scrolling element is not there yet when the effects of its children run.
  const virtual = useVirtualRows(explorer, gridRef, rowPx, cursor);
  const press = useKeys(explorer, cursor, {
    rowsOfPage: () => pageRows(gridRef.current, rowPx),
    showCursor: () => cursor >= 0 && virtual.scrollToIndex(cursor),
    onCommand,
  });
  return (
    <div
      ref={gridRef}
      role="grid"
      tabIndex={0}
      className="grid"
      data-empty={count === 0 || undefined}
      aria-label={`Content of ${place.prefix || place.bucket}`}
      aria-multiselectable
      aria-rowcount={listing.progress === 'loading' ? -1 : count + 1}
      aria-colcount={6}
      aria-busy={explorer.isFetching}
      aria-activedescendant={isDrawn(virtual, cursor) ? `${id}-${cursor}` : undefined}
      onKeyDown={press}
      onWheel={() => menuKey !== null && events.onMenu(null)}
    >
      <GridHead explorer={explorer} />
      <Rows {...{ explorer, menuKey, events, virtual, rowPx, id, cursor }} />
    </div>
  );
}

interface RowsProps extends Pick<GridProps, 'explorer' | 'menuKey' | 'events'> {
  virtual: ReturnType<typeof useVirtualRows>;
  rowPx: number;
  id: string;
  cursor: number;
}

function Rows({ explorer, menuKey, events, virtual, rowPx, id, cursor }: RowsProps) {
  const { listing, state, place } = explorer;
  const clip = useStore(clipboard);
  const items = virtual.getVirtualItems();
  const slots = useSlots(items[0]?.index ?? 0, items.length);
  return (
    <div role="rowgroup" className="grid-body" style={{ height: virtual.getTotalSize() }}>
      {items.map(({ index, start }) => {
        const row = rowAt(listing, index);
        if (!row) return null;
        return (
          <GridRow
            key={slotOf(slots, index)}
            row={row}
            index={index}
            startPx={start - rowPx}
            id={`${id}-${index}`}
            bucket={place.bucket}
            selected={isSelected(state.selection, row.key)}
            active={index === cursor}
            cut={isCut(clip, place.bucket, row.key)}
            menuOpen={menuKey === row.key}
            events={events}
          />
        );
      })}
    </div>
  );
}

function useSlots(first: number, length: number): Slots {
  const [before, setBefore] = useState(NO_SLOTS);
  const slots = slotsFor(before, first, length);
  if (slots !== before) setBefore(slots);
  return slots;
}

function useVirtualRows({ listing, state }: Explorer, gridRef: GridProps['gridRef'], rowPx: number, cursor: number) {
  // With another function the virtualizer measures every row anew, at each step of scrolling.
  const keyOf = useCallback((index: number) => rowAt(listing, index)?.key ?? index, [listing]);
  const virtual = useVirtualizer({
    count: rowCount(listing),
    getScrollElement: () => gridRef.current,
    estimateSize: () => rowPx,
    overscan: OVERSCAN,
    scrollMargin: rowPx,
    scrollPaddingStart: rowPx,
    getItemKey: keyOf,
  });
  const isListed = cursor >= 0;
  useEffect(() => {
    if (isListed) virtual.scrollToIndex(cursor);
    // A cursor that moves scrolls the view, and one whose row has just come; not a list that grows.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [state.cursor, isListed, virtual]);
  useAnchoredScroll(gridRef, listing.folders.length, rowPx);
  return virtual;
}

function isDrawn(virtual: ReturnType<typeof useVirtualRows>, cursor: number): boolean {
  return virtual.getVirtualItems().some(({ index }) => index === cursor);
}

function readRowHeight(): number {
  const value = getComputedStyle(document.documentElement).getPropertyValue('--row');
  return Number.parseInt(value, 10) || DEFAULT_ROW_PX;
}

function pageRows(grid: HTMLElement | null, rowPx: number): number {
  return Math.max(1, Math.floor((grid?.clientHeight ?? 0) / rowPx) - 2);
}

/** Folders that a later page brings push the rows below them down; the view goes with the rows. */
function useAnchoredScroll(grid: RefObject<HTMLDivElement | null>, folders: number, rowPx: number): void {
  const before = useRef(folders);
  useLayoutEffect(() => {
    const added = folders - before.current;
    const element = grid.current;
    if (element && added > 0 && before.current > 0 && element.scrollTop > before.current * rowPx) {
      element.scrollBy({ top: added * rowPx });
    }
    before.current = folders;
  }, [grid, folders, rowPx]);
}

interface KeyedView extends Pick<GridProps, 'onCommand'> {
  rowsOfPage: () => number;
  showCursor: () => void;
}

function useKeys(explorer: Explorer, cursor: number, { rowsOfPage, showCursor, onCommand }: KeyedView) {
  const search = useRef(NOTHING_TYPED);
  const { listing } = explorer;
  const find = (letter: string, now: number) => {
    search.current = typed(search.current, letter, now);
    const labelAt = (index: number) => rowAt(listing, index)?.label ?? '';
    const found = findTyped(rowCount(listing), labelAt, search.current.text, cursor);
    if (found >= 0) explorer.goTo(found, 'select');
  };
  return (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget || event.nativeEvent.isComposing) return;
    const isTyping = event.timeStamp - search.current.at <= PAUSE_MS;
    const meaning = meaningOf(event.nativeEvent, isTyping);
    if (meaning === null || (isClipboardKey(meaning) && hasSelectedText())) return;
    event.preventDefault();
    event.stopPropagation();
    if (meaning.type === 'letter') return find(meaning.letter, event.timeStamp);
    // It may have been scrolled away, and a menu hangs on its row.
    if (isAboutCursor(meaning)) showCursor();
    if (meaning.type === 'move') return explorer.move(meaning.motion, meaning.mode, rowsOfPage());
    onCommand(meaning.command);
  };
}

function isAboutCursor(meaning: Meaning): boolean {
  return meaning.type === 'move' || (meaning.type === 'command' && CURSOR_COMMANDS.has(meaning.command));
}

function isClipboardKey(meaning: { type: string; command?: Command }): boolean {
  return meaning.command === 'copy' || meaning.command === 'cut';
}

function hasSelectedText(): boolean {
  return (getSelection()?.toString() ?? '') !== '';
}
