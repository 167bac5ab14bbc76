/** What keys mean in the grid. Pure. */

import { chordOf } from '../../lib/keymap';

export type Motion = 'up' | 'down' | 'first' | 'last' | 'pageUp' | 'pageDown';

/** How a motion treats the selection. */
export type MotionMode = 'select' | 'extend' | 'add' | 'point';

export type Command =
  | 'toggle'
  | 'all'
  | 'escape'
  | 'open'
  | 'parent'
  | 'rename'
  | 'delete'
  | 'copy'
  | 'cut'
  | 'paste'
  | 'upload'
  | 'uploadFolder'
  | 'newFolder'
  | 'share'
  | 'details'
  | 'editPath'
  | 'menu';

const MOTIONS: Record<string, Motion> = {
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
  PageUp: 'pageUp',
  PageDown: 'pageDown',
};

const COMMANDS: Record<string, Command> = {
  Space: 'toggle',
  'Ctrl+Space': 'toggle',
  'Ctrl+A': 'all',
  Escape: 'escape',
  Enter: 'open',
  ArrowRight: 'open',
  Backspace: 'parent',
  'Alt+ArrowUp': 'parent',
  ArrowLeft: 'parent',
  F2: 'rename',
  Delete: 'delete',
  'Ctrl+C': 'copy',
  'Ctrl+X': 'cut',
  'Ctrl+V': 'paste',
  u: 'upload',
  'Shift+U': 'uploadFolder',
  n: 'newFolder',
  s: 'share',
  i: 'details',
  'Ctrl+L': 'editPath',
  'Shift+F10': 'menu',
  ContextMenu: 'menu',
};

/** Commands that work wherever the focus is on the page, but not while somebody types. */
const ANYWHERE = new Set<Command>(['escape', 'upload', 'uploadFolder', 'newFolder', 'editPath']);
// The keys of the whole UI; their letters do not begin a search among the rows.
const ELSEWHERE = new Set(['r', 'g', '/', '?']);

export type Meaning =
  | { type: 'move'; motion: Motion; mode: MotionMode }
  | { type: 'command'; command: Command }
  | { type: 'letter'; letter: string };

type Pressed = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** Return what a key means, or null. `isTyping`: a letter was typed a moment ago, and the next one goes on with it. */
export function meaningOf(event: Pressed, isTyping: boolean): Meaning | null {
  const motion = MOTIONS[event.key];
  if (motion && !event.altKey) return { type: 'move', motion, mode: modeOf(event) };
  const letter = letterOf(event);
  if (letter !== null && isTyping) return { type: 'letter', letter };
  const command = COMMANDS[chordOf(event)];
  if (command) return { type: 'command', command };
  return letter !== null && letter !== ' ' && !ELSEWHERE.has(letter) ? { type: 'letter', letter } : null;
}

/** Tell whether `command` does not need the focus in the grid. */
export function worksAnywhere(command: Command): boolean {
  return ANYWHERE.has(command);
}

function modeOf({ shiftKey, ctrlKey, metaKey }: Pressed): MotionMode {
  const control = ctrlKey || metaKey;
  if (shiftKey) return control ? 'add' : 'extend';
  return control ? 'point' : 'select';
}

function letterOf({ key, ctrlKey, metaKey, altKey }: Pressed): string | null {
  return Array.from(key).length === 1 && !ctrlKey && !metaKey && !altKey ? key : null;
}

/** Return the index that `motion` leads to from `index`, -1 being before the first one; -1 in an empty list. */
export function indexAfter(motion: Motion, index: number, count: number, pageRows: number): number {
  const target = {
    up: index < 0 ? count - 1 : index - 1,
    down: index + 1,
    first: 0,
    last: count - 1,
    pageUp: index - pageRows,
    pageDown: index + pageRows,
  }[motion];
  return count === 0 ? -1 : Math.min(Math.max(target, 0), count - 1);
}
