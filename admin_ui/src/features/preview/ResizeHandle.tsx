import { type KeyboardEvent, type PointerEvent, useState } from 'react';

const STORAGE_KEY = 'aerostore.preview-width';
const DEFAULT_PX = 360;
const MIN_PX = 280;
const MAX_PX = 900;
const STEP_PX = 24;

/** Return the width of the pane, which the browser remembers, and a function that changes it. */
export function usePaneWidth(): [number, (widthPx: number) => void] {
  const [widthPx, setWidthPx] = useState(() => clamped(Number(localStorage.getItem(STORAGE_KEY) ?? DEFAULT_PX)));
  const change = (next: number) => {
    setWidthPx(clamped(next));
    localStorage.setItem(STORAGE_KEY, String(clamped(next)));
  };
  return [widthPx, change];
}

function clamped(widthPx: number): number {
  return Math.min(MAX_PX, Math.max(MIN_PX, Number.isFinite(widthPx) ? widthPx : DEFAULT_PX));
}

interface ResizeHandleProps {
  widthPx: number;
  onWidth: (widthPx: number) => void;
}

/** The left edge of the pane, for the mouse and for arrow keys. */
export function ResizeHandle({ widthPx, onWidth }: ResizeHandleProps) {
  const drag = (event: PointerEvent<HTMLElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const right = event.currentTarget.parentElement?.getBoundingClientRect().right ?? 0;
    onWidth(right - event.clientX);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: STEP_PX, ArrowRight: -STEP_PX }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onWidth(widthPx + step);
  };
  return (
    <div
      className="preview-handle"
      role="slider"
      tabIndex={0}
      aria-label="Width of the preview"
      aria-valuemin={MIN_PX}
      aria-valuemax={MAX_PX}
      aria-valuenow={widthPx}
      aria-orientation="horizontal"
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={press}
    />
  );
}
