import { expect, test } from 'vitest';
import type { Job } from '../../api/types';
import { durationOf, progressOf, subjectOf } from './words';

const job = (part: Partial<Job>): Job => ({
  id: 'j',
  kind: 'folder.move',
  state: 'running',
  is_cancelling: false,
  created_at: '2026-01-31T09:00:00.000Z',
  started_at: '2026-01-31T09:00:00.000Z',
  updated_at: '2026-01-31T09:00:00.000Z',
  finished_at: null,
  actor: { role: 'service_role', sub: null },
  request: { bucket: 'b', prefix: 'old/', to_prefix: 'new/' },
  done: 0,
  total: null,
  done_bytes: 0,
  skipped: 0,
  refused: 0,
  error: null,
  ...part,
});

test('a job says what it works on', () => {
  expect(subjectOf(job({}))).toBe('b/old/ to b/new/');
  expect(subjectOf(job({ kind: 'folder.delete', request: { bucket: 'b', prefix: '' } }))).toBe('b/');
  expect(subjectOf(job({ kind: 'reclaim', request: { apply: false } }))).toMatch(/dry run/);
  expect(subjectOf(job({ kind: 'reclaim', request: { apply: true } }))).not.toMatch(/dry run/);
});

test('progress is a share when the whole is known', () => {
  expect(progressOf(job({ done: 5, total: 10 }))).toBe('5 of 10 (50 %)');
  expect(progressOf(job({ done: 1_234, done_bytes: 2_048 }))).toBe('1,234, 2 KiB');
  expect(progressOf(job({ done: 0, total: 0 }))).toBe('0');
});

test('a job under way has lasted until now', () => {
  const now = Date.parse('2026-01-31T09:01:01.000Z');
  expect(durationOf(job({}), now)).toBe('1 min 1 s');
  expect(durationOf(job({ finished_at: '2026-01-31T09:00:02.000Z' }), now)).toBe('2 s');
  expect(durationOf(job({ started_at: null }), now)).toBe('-');
});
