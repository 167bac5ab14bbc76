import { expect, test } from 'vitest';
import { formatBytes, formatDuration, formatNumber, formatObjects, formatPercent, formatTime, inSentences } from './format';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [5 * 1024 ** 2, '5 MiB'],
  [1024 ** 2 - 1, '1 MiB'],
  [123.4 * 1024 ** 3, '123 GiB'],
  [3 * 1024 ** 6, '3072 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.02, '20 ms'],
  [59.6, '1 min'],
  [61, '1 min 1 s'],
  [3_600, '1 h'],
  [90_061, '1 d 1 h'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test('a count that stopped early says so', () => {
  expect(formatObjects(1)).toBe('1 object');
  expect(formatObjects(1, false)).toBe('1+ objects');
  expect(formatObjects(12_345)).toBe('12,345 objects');
});

test('what is not finished is never 100 percent', () => {
  expect(formatPercent(999_999, 1_000_000)).toBe('99 %');
  expect(formatPercent(5, 5)).toBe('100 %');
  expect(formatPercent(5, null)).toBe('-');
});

test('times can be shown as ISO text, and no time is a dash', () => {
  expect(formatTime('2026-01-31T09:00:00.123Z', 'iso')).toBe('2026-01-31T09:00:00Z');
  expect(formatTime('2026-01-31T09:00:00.123Z', 'iso', true)).toBe('2026-01-31T09:00:00.123Z');
  expect(formatTime(null)).toBe('-');
  expect(formatTime('soon')).toBe('soon');
});

test('numbers on axes have three digits', () => {
  expect([0, 0.01234, 12.345, 123_456.7].map(formatNumber)).toEqual(['0', '0.0123', '12.3', '123,457']);
});

test.each([
  ['Not found', 'Look elsewhere.', 'Not found. Look elsewhere.'],
  ['It is gone.', 'Look elsewhere.', 'It is gone. Look elsewhere.'],
  ['It is gone', null, 'It is gone'],
])('the message %j and the hint %j are told as %j', (message, hint, told) => {
  expect(inSentences(message, hint)).toBe(told);
});
