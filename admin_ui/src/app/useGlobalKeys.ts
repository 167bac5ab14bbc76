import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { queryClient } from '../api/queries';
import { chordOf, GO_TO } from '../lib/keymap';
import { hasOverlay } from '../ui/overlay';

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
      if (chord === 'g') goPressedAt.current = event.timeStamp;
      const act = actionOf(chord);
      if (!act) return;
      event.preventDefault();
      act();
    };
    // The second key of a sequence is nobody else's: a list would take the letter for the name of a row.
    const follow = (event: KeyboardEvent) => {
      const isSequence = event.timeStamp - goPressedAt.current < SEQUENCE_MS;
      goPressedAt.current = -SEQUENCE_MS;
      const to = Object.entries(GO_TO).find(([key]) => key === chordOf(event))?.[1];
      if (!isSequence || !to || hasOverlay() || isWriting(event)) return;
      event.preventDefault();
      event.stopPropagation();
      void navigate({ to });
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
    document.addEventListener('keydown', follow, true);
    document.addEventListener('keydown', press);
    return () => {
      document.removeEventListener('keydown', follow, true);
      document.removeEventListener('keydown', press);
    };
  }, [navigate, onOverlay]);
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
