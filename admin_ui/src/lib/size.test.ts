import { expect, test } from 'vitest';
import { parseSize, toSizeText } from './size';

test('a number and a unit are bytes', () => {
  expect(parseSize({ amount: '50', unit: 'MiB' })).toBe(52_428_800);
  expect(parseSize({ amount: ' 1.5 ', unit: 'KiB' })).toBe(1_536);
  expect(parseSize({ amount: '', unit: 'GiB' })).toBeNull();
});

test.each(['-1', '1e9', '0', '1,5', 'ten', '0.0001', '99999999999999999999'])('%s is refused in words', (amount) => {
  expect(() => parseSize({ amount, unit: 'B' })).toThrow(RangeError);
});

test.each([1, 1_000, 1_024, 1_536, 52_428_800, 5 * 1024 ** 4, 123_456_789])('%d bytes come back exactly', (bytes) => {
  expect(parseSize(toSizeText(bytes))).toBe(bytes);
});

test('round sizes are shown in their own unit', () => {
  expect(toSizeText(52_428_800)).toEqual({ amount: '50', unit: 'MiB' });
  expect(toSizeText(1_000)).toEqual({ amount: '1000', unit: 'B' });
  expect(toSizeText(1_536)).toEqual({ amount: '1.5', unit: 'KiB' });
  expect(toSizeText(123_456_789)).toEqual({ amount: '123456789', unit: 'B' });
});
