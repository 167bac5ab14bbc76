import { Check, Folder } from 'lucide-react';
import { memo, type MouseEvent } from 'react';
import { formatBytes } from '../../lib/format';
import type { Row } from '../../lib/listing';
import { Icon } from '../../ui/Icon';
import { Time } from '../../ui/Time';
import { endDrag, startDrag, useDropTarget } from './drag';
import { iconOf } from './icons';
import type { Place } from './listing-query';
import type { ClickMode, RowEvents } from './row-events';
import { RowMenu } from './RowMenu';

interface GridRowProps {
  row: Row;
  index: number;
  startPx: number;
  id: string;
  bucket: string;
  selected: boolean;
  active: boolean;
  cut: boolean;
  menuOpen: boolean;
  events: RowEvents;
}

export const GridRow = memo(function GridRow({ row, index, startPx, id, bucket, events, ...looks }: GridRowProps) {
  const isFolder = row.kind === 'folder';
  const to: Place = { bucket, prefix: row.key };
  const { isOver, handlers } = useDropTarget(to, events.onDrop, () => events.onSpring(row.key));
  return (
    // The grid has the focus and names its active row; a row with a focus of its own would take it away.
    // The grid answers its keys, too.
    // oxlint-disable-next-line jsx-a11y/interactive-supports-focus, jsx-a11y/click-events-have-key-events
    <div
      id={id}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={looks.selected}
      className="grid-row"
      data-active={looks.active || undefined}
      data-cut={looks.cut || undefined}
      data-over={(isFolder && isOver) || undefined}
      style={{ transform: `translateY(${startPx}px)` }}
      draggable
      onDragStart={(event) => startDrag(event, bucket, events.rowsToDrag(row))}
      onDragEnd={endDrag}
      {...(isFolder ? handlers : {})}
      onMouseDown={keepFocus}
      onClick={(event) => {
        if (isTapOnName(event)) events.onOpen(index);
        else events.onClick(index, clickMode(event));
      }}
      onDoubleClick={() => events.onOpen(index)}
      onContextMenu={(event) => {
        event.preventDefault();
        if (!looks.selected) events.onClick(index, 'select');
        events.onMenu(row.key);
      }}
    >
      <Cells row={row} selected={looks.selected} />
      <div role="gridcell" aria-colindex={6} className="grid-cell">
        <RowMenu row={row} open={looks.menuOpen} selected={looks.selected} index={index} events={events} />
      </div>
    </div>
  );
});

function Cells({ row, selected }: { row: Row; selected: boolean }) {
  const isFolder = row.kind === 'folder';
  const state = selected ? 'Selected' : 'Not selected';
  return (
    <>
      <div role="gridcell" aria-colindex={1} className="grid-cell grid-check" data-check aria-label={state}>
        <span className="check" data-checked={selected || undefined} aria-hidden>
          {selected && <Icon of={Check} />}
        </span>
      </div>
      <div role="gridcell" aria-colindex={2} className="grid-cell grid-name">
        <Icon of={isFolder ? Folder : iconOf(row.mimeType)} />
        <bdi className="truncate">{row.label || '(no name)'}</bdi>
        {isFolder && <span className="visually-hidden">, folder</span>}
        {isFolder && row.isPending && <span className="muted small">empty: exists once something is in it</span>}
      </div>
      <div role="gridcell" aria-colindex={3} className="grid-cell end roomy-only">
        {isFolder ? '' : formatBytes(row.sizeBytes)}
      </div>
      <div role="gridcell" aria-colindex={4} className="grid-cell wide-only truncate muted">
        {isFolder ? 'Folder' : row.mimeType}
      </div>
      <div role="gridcell" aria-colindex={5} className="grid-cell middle-only truncate muted numeric">
        {row.updatedAt !== null && <Time at={row.updatedAt} />}
      </div>
    </>
  );
}

function clickMode({ target, shiftKey, ctrlKey, metaKey }: MouseEvent): ClickMode {
  const control = ctrlKey || metaKey;
  if (shiftKey) return control ? 'add' : 'extend';
  const isCheck = target instanceof Element && target.closest('[data-check]') !== null;
  return control || isCheck ? 'toggle' : 'select';
}

/** A finger opens what it taps: it has no keys, and to tap twice is to zoom. The box selects. */
function isTapOnName({ target, nativeEvent }: MouseEvent): boolean {
  const isTouch = nativeEvent instanceof PointerEvent && nativeEvent.pointerType === 'touch';
  return isTouch && target instanceof Element && target.closest('.grid-name') !== null;
}

/** The focus belongs to the grid. Shift would select text besides. */
function keepFocus(event: MouseEvent<HTMLElement>): void {
  if (event.shiftKey) event.preventDefault();
}
