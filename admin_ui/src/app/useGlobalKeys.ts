import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { queryClient } from '../api/queries';
import { chordOf, GO_TO } from '../lib/keymap';

export type Overlay = 'palette' | 'help';

const SEQUENCE_MS = 1_000;

/** Answer the keys that work on every page. Single keys rest while the reader types, selects text or sees a dialog. */
export function useGlobalKeys(onOverlay: (overlay: Overlay) => void): void {
  const navigate = useNavigate();
  const goPressedAt = useRef(-SEQUENCE_MS);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const chord = chordOf(event);
      if (hasOverlay() || (chord !== 'Ctrl+K' && isWriting(event))) return;
      const isSequence = event.timeStamp - goPressedAt.current < SEQUENCE_MS;
      goPressedAt.current = chord === 'g' ? event.timeStamp : -SEQUENCE_MS;
      const act = isSequence ? goTo(chord) : actionOf(chord);
      if (!act) return;
      event.preventDefault();
      act();
    };
    const goTo = (chord: string) => {
      const to = Object.entries(GO_TO).find(([key]) => key === chord)?.[1];
      return to && (() => void navigate({ to }));
    };
    const actionOf = (chord: string) => {
      const actions: Record<string, () => void> = {
        'Ctrl+K': () => onOverlay('palette'),
        '?': () => onOverlay('help'),
        '/': focusSearch,
        r: () => void queryClient.invalidateQueries(),
      };
      return actions[chord];
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [navigate, onOverlay]);
}

function hasOverlay(): boolean {
  return document.querySelector('[role=dialog], [role=menu]') !== null;
}

/** Whether a key belongs to a field, or the reader is about to copy some text. */
function isWriting(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  const field = target?.closest('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]');
  return Boolean(field || getSelection()?.toString());
}

function focusSearch(): void {
  document.querySelector<HTMLElement>('[data-search]')?.focus();
}
