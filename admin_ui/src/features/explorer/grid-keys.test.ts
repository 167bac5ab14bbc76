import { describe, expect, it } from 'vitest';

import { KEYMAP } from '../../lib/keymap';
import { indexAfter, meaningOf } from './grid-keys';

function press(key: string, held: string[] = [], isTyping = false) {
  const has = (name: string) => held.includes(name);
  const event = { key, ctrlKey: has('ctrl'), metaKey: has('meta'), altKey: has('alt'), shiftKey: has('shift') };
  return meaningOf(event, isTyping);
}

const command = (name: string) => ({ type: 'command', command: name });

describe('motions', () => {
  it.each([
    [[], 'select'],
    [['shift'], 'extend'],
    [['ctrl'], 'point'],
    [['ctrl', 'shift'], 'add'],
    [['meta'], 'point'],
  ])('with %j they %s', (held, mode) => {
    expect(press('ArrowDown', held)).toEqual({ type: 'move', motion: 'down', mode });
  });

  it('Alt+ArrowUp is none: it leads to the parent folder', () => {
    expect(press('ArrowUp', ['alt'])).toEqual(command('parent'));
  });
});

describe('commands', () => {
  it('know Mac keys as well', () => expect(press('c', ['meta'])).toEqual(command('copy')));
  it('tell u from Shift+U', () => {
    expect(press('u')).toEqual(command('upload'));
    expect(press('U', ['shift'])).toEqual(command('uploadFolder'));
  });

  it('do not take keys from the browser', () => {
    expect(press('t', ['ctrl'])).toBeNull();
    expect(press('F5')).toBeNull();
    expect(press('Tab')).toBeNull();
  });
});

describe('letters', () => {
  it('search for a row unless they mean something else', () => {
    expect(press('a')).toEqual({ type: 'letter', letter: 'a' });
    expect(press('日')).toEqual({ type: 'letter', letter: '日' });
    expect(press('g')).toBeNull();
  });

  it('all go on with what was typed a moment ago, the space bar too', () => {
    expect(press('u', [], true)).toEqual({ type: 'letter', letter: 'u' });
    expect(press('g', [], true)).toEqual({ type: 'letter', letter: 'g' });
    expect(press(' ', [], true)).toEqual({ type: 'letter', letter: ' ' });
  });
});

describe('the help', () => {
  const parts = (chord: string) => chord.split('+');
  const heldIn = (chord: string) => parts(chord).slice(0, -1).map((part) => part.toLowerCase());
  const keyIn = (chord: string) => parts(chord).at(-1)?.replace('Space', ' ') ?? '';
  const promised = KEYMAP.filter(({ scope }) => scope === 'explorer').flatMap(({ keys }) => keys);

  it.each(promised)('promises %s, and it does something', (chord) => {
    const key = keyIn(chord);
    const isPlain = heldIn(chord).length === 0 || heldIn(chord).includes('shift');
    expect(press(isPlain ? key : key.length === 1 ? key.toLowerCase() : key, heldIn(chord))).not.toBeNull();
  });
});

describe('the next row', () => {
  it.each([
    ['down', -1, 0],
    ['up', -1, 9],
    ['up', 0, 0],
    ['down', 9, 9],
    ['pageDown', 2, 7],
    ['pageUp', 2, 0],
    ['last', 0, 9],
    ['first', 5, 0],
  ] as const)('%s of %i is %i', (motion, from, to) => {
    expect(indexAfter(motion, from, 10, 5)).toBe(to);
  });

  it('of an empty list is none', () => expect(indexAfter('down', -1, 0, 5)).toBe(-1));
});
