import { type KeyboardEvent, type PointerEvent, useEffect, useState } from 'react';

const STORAGE_KEY = 'aerostore.preview-width';
const DEFAULT_PX = 360;
const MIN_PX = 280;
const MAX_PX = 900;
const STEP_PX = 24;
const REST_MS = 300;

/** Return the width of the pane, which the browser remembers, and a function that changes it. */
export function usePaneWidth(): [number, (widthPx: number) => void] {
  const [widthPx, setWidthPx] = useState(() => clamped(remembered()));
  useEffect(() => {
    const timer = setTimeout(() => remember(widthPx), REST_MS);
    return () => clearTimeout(timer);
  }, [widthPx]);
  return [widthPx, (next) => setWidthPx(clamped(next))];
}

function remembered(): number {
  try {
    return Number(localStorage.getItem(STORAGE_KEY) ?? DEFAULT_PX);
  } catch {
    return DEFAULT_PX; // The browser was told to keep nothing.
  }
}

function remember(widthPx: number): void {
  try {
    localStorage.setItem(STORAGE_KEY, String(widthPx));
  } catch {
    // Then it is as it was, the next time.
  }
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
