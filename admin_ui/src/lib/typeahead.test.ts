import { describe, expect, it } from 'vitest';

import { findTyped, NOTHING_TYPED, typed } from './typeahead';

const LABELS = ['alpha', 'Beta', 'bravo', 'gamma', '日本'];

function find(text: string, current: number): string | undefined {
  return LABELS[findTyped(LABELS.length, (index) => LABELS[index] ?? '', text, current)];
}

describe('typing', () => {
  it('letters in quick succession belong together', () => {
    const first = typed(NOTHING_TYPED, 'B', 1000);
    expect(typed(first, 'r', 1500).text).toBe('br');
  });

  it('a pause begins anew', () => {
    const first = typed(NOTHING_TYPED, 'b', 1000);
    expect(typed(first, 'g', 2000).text).toBe('g');
  });
});

describe('finding', () => {
  it('ignores case', () => expect(find('be', -1)).toBe('Beta'));
  it('one letter moves on from the current row', () => expect(find('b', 1)).toBe('bravo'));
  it('the same letter again moves on too', () => expect(find('bb', 2)).toBe('Beta'));
  it('more letters may stay where they are', () => expect(find('br', 2)).toBe('bravo'));
  it('goes around the end', () => expect(find('a', 3)).toBe('alpha'));
  it('knows other scripts', () => expect(find('日', 0)).toBe('日本'));
  it('finds nothing in an empty list', () => expect(findTyped(0, () => '', 'a', -1)).toBe(-1));
  it('finds nothing that is not there', () => expect(find('zz', 0)).toBeUndefined());
});
