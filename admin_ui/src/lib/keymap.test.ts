import { expect, test } from 'vitest';
import { chordOf, conflicts, GO_TO, KEYMAP } from './keymap';

const press = (key: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', true>> = {}) =>
  chordOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test('no key does two things in one place', () => {
  expect(conflicts(KEYMAP)).toEqual([]);
});

test('a conflict is found across places, and with the first key of a sequence', () => {
  const binding = { does: '', scope: 'explorer' as const };
  expect(conflicts([...KEYMAP, { ...binding, keys: ['r'] }])).toEqual(['r']);
  expect(conflicts([...KEYMAP, { ...binding, keys: ['g'] }])).toEqual(['g']);
});

test('every page that can be gone to by key is in the help', () => {
  const shown = KEYMAP.flatMap(({ keys }) => keys);
  expect(Object.keys(GO_TO).every((key) => shown.includes(`g ${key}`))).toBe(true);
});

test('pressed keys are written as in the table', () => {
  expect(press('k', { ctrlKey: true })).toBe('Ctrl+K');
  expect(press('k', { metaKey: true })).toBe('Ctrl+K');
  expect(press('?', { shiftKey: true })).toBe('?');
  expect(press('U', { shiftKey: true })).toBe('Shift+U');
  expect(press('u')).toBe('u');
  expect(press(' ')).toBe('Space');
  expect(press('F10', { shiftKey: true })).toBe('Shift+F10');
  expect(press('ArrowUp', { altKey: true })).toBe('Alt+ArrowUp');
});
