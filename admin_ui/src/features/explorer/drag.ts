import { type DragEvent, useEffect, useRef, useState } from 'react';
import type { Row } from '../../lib/listing';
import type { Place } from './listing-query';
import type { TransferMode } from './transfer-plan';

const OURS = 'application/x-aerostore-rows';
const SPRING_MS = 700;

// A drop may read what is dragged only at its end; while it hovers the page remembers it.
let dragged: { bucket: string; rows: readonly Row[] } | null = null;

/** What a drop brings: files from outside, or rows of this page. */
export type Dropped =
  | { kind: 'files'; transfer: DataTransfer }
  | { kind: 'rows'; mode: TransferMode; bucket: string; rows: readonly Row[] };

/** Begin to drag `rows`, if there are any. */
export function startDrag(event: DragEvent, bucket: string, rows: readonly Row[]): void {
  if (rows.length === 0) return event.preventDefault();
  dragged = { bucket, rows };
  event.dataTransfer.setData(OURS, '');
  event.dataTransfer.effectAllowed = 'copyMove';
}

export function endDrag(): void {
  dragged = null;
}

/** Say what is over the page: files, rows, or nothing that it takes. */
export function kindOf(event: DragEvent): Dropped['kind'] | null {
  if (event.dataTransfer.types.includes(OURS)) return dragged ? 'rows' : null;
  return event.dataTransfer.types.includes('Files') ? 'files' : null;
}

function droppedOf(event: DragEvent): Dropped | null {
  if (kindOf(event) === 'files') return { kind: 'files', transfer: event.dataTransfer };
  return dragged && { kind: 'rows', mode: modeOf(event), ...dragged };
}

function modeOf(event: DragEvent): TransferMode {
  return event.ctrlKey || event.altKey ? 'copy' : 'move';
}

export type OnDrop = (dropped: Dropped, to: Place) => void;

/**
 * Make an element a place to drop on. `isOver` while something hovers over it.
 *
 * `onSpring` is called when it hovers for a while: a folder opens by that.
 */
export function useDropTarget(to: Place, onDrop: OnDrop, onSpring?: () => void) {
  const [isOver, setIsOver] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const depth = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const leave = () => {
    depth.current = 0;
    setIsOver(false);
    clearTimeout(timer.current);
  };
  const handlers = {
    onDragEnter: (event: DragEvent) => {
      if (kindOf(event) === null) return;
      event.stopPropagation();
      depth.current += 1;
      if (depth.current > 1) return;
      setIsOver(true);
      if (onSpring) timer.current = setTimeout(onSpring, SPRING_MS);
    },
    onDragOver: (event: DragEvent) => {
      const kind = kindOf(event);
      if (kind === null) return;
      event.preventDefault();
      event.stopPropagation();
      event.dataTransfer.dropEffect = kind === 'files' ? 'copy' : modeOf(event);
    },
    onDragLeave: (event: DragEvent) => {
      event.stopPropagation();
      depth.current -= 1;
      if (depth.current <= 0) leave();
    },
    onDrop: (event: DragEvent) => {
      const dropped = droppedOf(event);
      leave();
      if (dropped === null) return;
      event.preventDefault();
      event.stopPropagation();
      onDrop(dropped, to);
    },
  };
  return { isOver, handlers };
}
