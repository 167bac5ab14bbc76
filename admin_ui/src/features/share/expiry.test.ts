import { describe, expect, it } from 'vitest';

import { MAX_SECONDS, secondsOf, type Unit } from './expiry';

const custom = (amount: string, unit: Unit = 'days') => secondsOf({ preset: 'custom', amount, unit });

describe('expiry', () => {
  it('of a preset does not look at what was typed', () => {
    expect(secondsOf({ preset: '3600', amount: 'nonsense', unit: 'days' })).toBe(3600);
  });

  it('takes fractions', () => expect(custom('1.5', 'hours')).toBe(5400));

  it.each(['', 'abc', '-1', '1e3', '1,5', 'Infinity'])('refuses %j', (amount) => {
    expect(custom(amount)).toMatch(/Enter a number/);
  });

  it('lies between a second and a hundred years', () => {
    expect(custom('0')).toMatch(/a second/);
    expect(custom(String(MAX_SECONDS / 86_400))).toBe(MAX_SECONDS);
    expect(custom(String(MAX_SECONDS / 86_400 + 1))).toMatch(/hundred years/);
  });
});
