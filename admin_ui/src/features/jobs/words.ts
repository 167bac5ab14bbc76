import type { Job, JobKind, JobState, JsonObject } from '../../api/types';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../../lib/format';
import type { BadgeTone } from '../../ui/Badge';

export const KIND_LABELS: Record<JobKind, string> = {
  'folder.move': 'Move a folder',
  'folder.copy': 'Copy a folder',
  'folder.delete': 'Delete a folder',
  reclaim: 'Clean up stored bytes',
  scrub: 'Check integrity',
};

export const STATE_TONES: Record<JobState, BadgeTone> = {
  pending: 'default',
  running: 'default',
  done: 'good',
  failed: 'danger',
  cancelled: 'warn',
};

/** Return what a job works on, in a few words. */
export function subjectOf({ kind, request }: Job): string {
  if (kind === 'scrub') return 'all stored bytes';
  if (kind === 'reclaim') return request['apply'] === true ? 'removes what is ripe' : 'dry run: only looks';
  const from = placeOf(request, 'bucket', 'prefix');
  if (kind === 'folder.delete') return from;
  const bucket = fieldOf(request, 'to_bucket') || fieldOf(request, 'bucket');
  return `${from} to ${bucket}/${fieldOf(request, 'to_prefix')}`;
}

function placeOf(request: JsonObject, bucket: string, prefix: string): string {
  return `${fieldOf(request, bucket)}/${fieldOf(request, prefix)}`;
}

function fieldOf(request: JsonObject, name: string): string {
  const value = request[name];
  return typeof value === 'string' ? value : '';
}

/** Return how far a job is: a share when the whole is known, else a count. */
export function progressOf({ done, total, done_bytes }: Job): string {
  const bytes = done_bytes > 0 ? `, ${formatBytes(done_bytes)}` : '';
  if (!total) return `${formatCount(done)}${bytes}`;
  return `${formatCount(done)} of ${formatCount(total)} (${formatPercent(done, total)})${bytes}`;
}

/** Return how long a job has run, or ran. */
export function durationOf({ started_at, finished_at }: Job, now = Date.now()): string {
  if (!started_at) return '-';
  const end = finished_at ? Date.parse(finished_at) : now;
  return formatDuration(Math.max(0, end - Date.parse(started_at)) / 1_000);
}
