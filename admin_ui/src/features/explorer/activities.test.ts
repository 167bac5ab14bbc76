import { describe, expect, it } from 'vitest';
import type { Job } from '../../api/types';
import { waysOn } from './activities';

function job(values: Partial<Job>): Job {
  return {
    ...{ id: '1', kind: 'folder.move', state: 'failed', is_cancelling: false, actor: { role: 'service_role', sub: null } },
    ...{ created_at: '', started_at: null, updated_at: '', finished_at: null, request: {}, error: null },
    ...{ done: 0, total: null, done_bytes: 0, skipped: 0, refused: 0 },
    ...values,
  };
}

const TAKEN = { code: 'ResourceAlreadyExists', message: 'b/x is taken', hint: null };
const conflictsOf = (values: Partial<Job>) => waysOn(job(values)).map(({ conflict }) => conflict);

describe('a job that ended early', () => {
  it.each(['failed', 'cancelled'] as const)('is asked for again after it %s', (state) => {
    expect(conflictsOf({ state })).toEqual([undefined]);
    expect(conflictsOf({ state, kind: 'folder.delete' })).toEqual([undefined]);
  });

  it('is not asked for the same again when a name was taken: it would fail at once', () => {
    expect(conflictsOf({ error: TAKEN })).toEqual(['skip', 'replace']);
    expect(conflictsOf({ error: TAKEN, kind: 'folder.copy' })).toEqual(['skip', 'replace']);
    expect(conflictsOf({ error: TAKEN, request: { conflict: 'skip' } })).toEqual([undefined]);
  });

  it('is left alone when what it did is in its own way, or it is no job of a folder', () => {
    expect(conflictsOf({ kind: 'folder.copy' })).toEqual([]);
    expect(conflictsOf({ kind: 'reclaim' })).toEqual([]);
  });
});

it('a job that is under way or done needs nobody', () => {
  expect(['pending', 'running', 'done'].flatMap((state) => waysOn(job({ state: state as Job['state'] })))).toEqual([]);
});
