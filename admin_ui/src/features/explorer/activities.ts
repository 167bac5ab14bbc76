import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { isActive, jobQuery } from '../../api/queries';
import { type FolderRequest, startFolderJob } from '../../api/mutations';
import type { Conflict, Job, JobKind } from '../../api/types';
import { refreshListings } from './listing-query';
import { Store } from './store';

/** Work that takes longer than a click: many single requests of this page, or a job of the server. */
export type Activity = PageActivity | JobActivity;

interface PageActivity {
  kind: 'page';
  id: string;
  label: string;
  done: number;
  total: number;
  isCancelled: boolean;
}

interface JobActivity {
  kind: 'job';
  id: string;
  label: string;
}

export const activities = new Store<readonly Activity[]>([]);

// Nobody goes on with what this page does when it is closed.
activities.subscribe(() => {
  const isBusy = activities.get().some(({ kind }) => kind === 'page');
  if (isBusy) window.addEventListener('beforeunload', askBeforeUnload);
  else window.removeEventListener('beforeunload', askBeforeUnload);
});

function askBeforeUnload(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

let nextId = 1;

/** Show `job` until somebody takes it away. */
export function showJob(job: Job, label: string): void {
  activities.set([...activities.get(), { kind: 'job', id: job.id, label }]);
}

const OPERATIONS = { 'folder.move': 'move', 'folder.copy': 'copy', 'folder.delete': 'delete' } as const;

/** How another job does what one has left undone. Without `conflict` it asks for the same as before. */
export interface WayOn {
  label: string;
  conflict?: Conflict;
}

/** Return how the rest of a job that ended early can be done. What it moved or deleted is out of the way. */
export function waysOn({ kind, state, error, request }: Job): WayOn[] {
  const isEarly = state === 'cancelled' || state === 'failed';
  if (!isEarly || !isFolderKind(kind)) return [];
  if (error?.code === 'ResourceAlreadyExists' && (request['conflict'] ?? 'fail') === 'fail') {
    return [
      { label: 'Leave out what is taken', conflict: 'skip' },
      { label: 'Replace what is there', conflict: 'replace' },
    ];
  }
  return kind === 'folder.copy' ? [] : [{ label: 'Continue' }];
}

/** Start the rest of `job`, in place of the activity that shows it. Raises: ApiError. */
export async function continueJob({ id, label }: JobActivity, job: Job, { conflict }: WayOn): Promise<void> {
  const { kind, request } = job;
  if (!isFolderKind(kind)) return;
  // A job's request is the body that it was started with.
  const again = { ...(request as unknown as FolderRequest), ...(conflict && { conflict }) };
  const next = await startFolderJob(OPERATIONS[kind], again);
  dropActivity(id);
  showJob(next, label);
}

function isFolderKind(kind: JobKind): kind is keyof typeof OPERATIONS {
  return kind in OPERATIONS;
}

export function dropActivity(id: string): void {
  activities.set(activities.get().filter((each) => each.id !== id));
}

export function cancelPageActivity(id: string): void {
  change(id, { isCancelled: true });
}

/** How one piece of the work of `runAll` ended. */
export type Outcome = 'done' | 'skipped' | 'failed';

/**
 * Run `work` on each item, a few at a time, with a row that shows how far it is and can stop it.
 *
 * Returns how many ended how. What has begun is finished after a stop; the rest does not count.
 */
export async function runAll<T>(
  label: string,
  items: readonly T[],
  work: (item: T) => Promise<Outcome>,
  parallel = 4,
): Promise<Record<Outcome, number>> {
  const id = `page-${nextId++}`;
  const counts: Record<Outcome, number> = { done: 0, skipped: 0, failed: 0 };
  const queue = items.values();
  activities.set([...activities.get(), { kind: 'page', id, label, done: 0, total: items.length, isCancelled: false }]);
  const worker = async () => {
    for (const item of queue) {
      if (isCancelled(id)) return;
      counts[await work(item)] += 1;
      change(id, { done: counts.done + counts.skipped + counts.failed });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker)).finally(() => dropActivity(id));
  return counts;
}

/** Return the job as it is now, or why it cannot be read; lists of the buckets that it concerns are asked for again when it has ended. */
export function useJob(id: string): { job: Job | undefined; error: Error | null } {
  const { data: job, error } = useQuery(jobQuery(id));
  const ended = job && !isActive(job) ? job : undefined;
  useEffect(() => {
    for (const bucket of [ended?.request['bucket'], ended?.request['to_bucket']]) {
      if (typeof bucket === 'string') void refreshListings(bucket);
    }
  }, [ended]);
  return { job, error };
}

function isCancelled(id: string): boolean {
  return activities.get().some((each) => each.kind === 'page' && each.id === id && each.isCancelled);
}

function change(id: string, values: Partial<PageActivity>): void {
  const changed = (each: Activity): Activity =>
    each.kind === 'page' && each.id === id ? { ...each, ...values } : each;
  activities.set(activities.get().map(changed));
}
