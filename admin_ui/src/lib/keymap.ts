/** The keys of the whole UI in one table: what the help shows, and what a test looks for conflicts in. */

export type Scope = 'everywhere' | 'explorer';

export interface KeyBinding {
  keys: readonly string[];
  does: string;
  scope: Scope;
}

export const KEYMAP: readonly KeyBinding[] = [
  { keys: ['Ctrl+K'], does: 'Command palette: pages, buckets, actions', scope: 'everywhere' },
  { keys: ['?'], does: 'This help', scope: 'everywhere' },
  { keys: ['/'], does: 'Search', scope: 'everywhere' },
  { keys: ['r'], does: 'Refresh', scope: 'everywhere' },
  { keys: ['g b'], does: 'Go to buckets', scope: 'everywhere' },
  { keys: ['g p'], does: 'Go to policies', scope: 'everywhere' },
  { keys: ['g e'], does: 'Go to events', scope: 'everywhere' },
  { keys: ['g j'], does: 'Go to jobs', scope: 'everywhere' },
  { keys: ['g m'], does: 'Go to metrics', scope: 'everywhere' },
  { keys: ['g s'], does: 'Go to settings', scope: 'everywhere' },
  { keys: ['ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown'], does: 'Move the cursor', scope: 'explorer' },
  { keys: ['Shift+ArrowUp', 'Shift+ArrowDown'], does: 'Extend the selection', scope: 'explorer' },
  { keys: ['Ctrl+ArrowUp', 'Ctrl+ArrowDown'], does: 'Move without selecting', scope: 'explorer' },
  { keys: ['Space'], does: 'Select or unselect', scope: 'explorer' },
  { keys: ['Ctrl+A'], does: 'Select everything', scope: 'explorer' },
  { keys: ['Escape'], does: 'Clear the selection, then the preview, then the search', scope: 'explorer' },
  { keys: ['Enter', 'ArrowRight'], does: 'Open the folder or the preview', scope: 'explorer' },
  { keys: ['Backspace', 'Alt+ArrowUp', 'ArrowLeft'], does: 'Go to the parent folder', scope: 'explorer' },
  { keys: ['F2'], does: 'Rename', scope: 'explorer' },
  { keys: ['Delete'], does: 'Delete', scope: 'explorer' },
  { keys: ['Ctrl+C', 'Ctrl+X', 'Ctrl+V'], does: 'Copy, cut and paste objects', scope: 'explorer' },
  { keys: ['u', 'Shift+U'], does: 'Upload files, upload a folder', scope: 'explorer' },
  { keys: ['n'], does: 'New folder', scope: 'explorer' },
  { keys: ['s'], does: 'Signed URL', scope: 'explorer' },
  { keys: ['i'], does: 'Details', scope: 'explorer' },
  { keys: ['Ctrl+L'], does: 'Edit the path', scope: 'explorer' },
  { keys: ['Shift+F10'], does: 'Menu of the row', scope: 'explorer' },
];

export const GO_TO = {
  b: '/',
  p: '/policies',
  e: '/events',
  j: '/jobs',
  m: '/metrics',
  s: '/settings',
} as const;

type Chord = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** Return a pressed key as the table writes it: `Ctrl+K` also for the command key of a Mac. */
export function chordOf(event: Chord): string {
  const isLetter = /^\p{L}$/u.test(event.key);
  const control = event.ctrlKey || event.metaKey;
  const shift = event.shiftKey && (isLetter || event.key.length > 1);
  const name = event.key === ' ' ? 'Space' : isLetter && (control || shift) ? event.key.toUpperCase() : event.key;
  return [control && 'Ctrl', event.altKey && 'Alt', shift && 'Shift', name].filter(Boolean).join('+');
}

/** Return the bindings that would answer the same key in one place. */
export function conflicts(bindings: readonly KeyBinding[]): string[] {
  const used = bindings.flatMap(({ keys, scope }) => keys.map((key) => ({ key, scope })));
  return used
    .filter(({ key, scope }, index) =>
      used.some((other, at) => at < index && overlaps(other.key, key) && meets(other.scope, scope)),
    )
    .map(({ key }) => key);
}

const overlaps = (one: string, other: string) =>
  one === other || one.startsWith(`${other} `) || other.startsWith(`${one} `);

const meets = (one: Scope, other: Scope) => one === other || one === 'everywhere' || other === 'everywhere';
