import { expect, test } from 'vitest';
import type { MetricsRange } from '../../api/types';
import { chartsOf, describe, latest, lonely, tickOf, tilesOf } from './charts';

const metrics: MetricsRange = {
  range: '15m',
  step_s: 15,
  times: [1, 2],
  requests_per_s: { '2xx': [1, 2], '3xx': [null, null], '4xx': [0, 0.5], '5xx': [0, 0] },
  latency_ms: { p50: [1, 2], p95: [3, 12.345], p99: [null, null] },
  bytes_per_s: { in: [0, 2048], out: [0, 0] },
  uploads_active: [0, 3],
  errors_per_s: [0, 0],
  storage: [{ bucket: 'b', objects: 3, size_bytes: 1024, complete: true }],
};

test('the latest value is the last one that was measured', () => {
  expect(latest([1, 2, null])).toBe(2);
  expect(latest([null])).toBeNull();
  expect(latest([0])).toBe(0);
});

test('a value between gaps, or at an end beside one, stands alone', () => {
  expect(lonely([1, null, 2, 3, null, 0])).toEqual([0, 5]);
  expect(lonely([null, null])).toEqual([]);
});

test('every chart says in words what it shows', () => {
  const sentences = chartsOf(metrics).map(describe);
  expect(sentences[1]).toBe('Latency. Latest: p50 2 ms, p95 12.3 ms, p99 not measured.');
  expect(sentences).toHaveLength(5);
});

test('a tick says the time of day, and the day where one begins', () => {
  const noon = Date.UTC(2026, 10, 22, 12) / 1_000;
  expect(tickOf(noon, 'iso')).toBe('12:00');
  expect(tickOf(noon - 12 * 3_600, 'iso')).toBe('2026-11-22');
  const midnight = new Date(2026, 10, 22).getTime() / 1_000;
  expect(tickOf(midnight, 'local')).toMatch(/22/);
  expect(tickOf(midnight + 3_600, 'local')).toMatch(/1:00/);
});

test('tiles add up what was measured', () => {
  expect(tilesOf(metrics).map(({ value }) => value)).toEqual(['2.5/s', '12.3 ms', '0/s', '3', '1 KiB']);
  expect(tilesOf(metrics).at(-1)?.detail).toBe('3 objects in one bucket');
});
