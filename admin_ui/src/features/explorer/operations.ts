import { type ObjectAddress, copyObject, deleteObjects, moveObject } from '../../api/objects';
import { ApiError, toApiError } from '../../api/error';
import { startFolderJob } from '../../api/mutations';
import type { Conflict } from '../../api/types';
import { formatObjects } from '../../lib/format';
import { labelOf, nextKey, parentPrefix } from '../../lib/keys';
import { type FolderRow, type ObjectRow, parentOf, type Row, withRenamed, without } from '../../lib/listing';
import type { ConflictAnswer } from '../../ui/ConflictDialog';
import { toast, toastError } from '../../ui/Toast';
import { type Outcome, runAll, showJob } from './activities';
import { changeListings, type Place, refreshListings, relist, stopListings } from './listing-query';
import { dropPendingFolder, renamePendingFolder } from './pending-folders';
import type { Step, TransferPlan } from './transfer-plan';

const DELETE_BATCH = 500;

/** Asks what to do about `key`, which is taken. `others` tells how many more may follow, when it is asked. */
export type AskConflict = (key: string, others: () => number) => Promise<ConflictAnswer>;

/** Rename one row. A folder is renamed by the server as a job. Raises: ApiError, 409 when the name is taken. */
export async function rename({ bucket, prefix }: Place, row: Row, label: string): Promise<void> {
  if (row.kind === 'folder') {
    const to = `${parentPrefix(row.key)}${label}/`;
    if (row.isPending) return renamePendingFolder(bucket, row.key, to);
    const job = await startFolderJob('move', { bucket, prefix: row.key, to_prefix: to });
    return showJob(job, `Renaming ${row.label} to ${label}`);
  }
  const to = parentOf(row) + label;
  await moveObject({ bucket, name: row.key }, { bucket, name: to });
  await stopListings({ bucket, prefix });
  changeListings({ bucket, prefix }, (listing) => withRenamed(listing, row.key, to));
  void relist(bucket);
}

/** Do what `plan` says: objects one by one, folders as jobs of the server. What fails is told, not thrown. */
export async function transfer(plan: TransferPlan, conflict: Conflict, ask: AskConflict): Promise<void> {
  const doing = plan.mode === 'move' ? 'Moving' : 'Copying';
  for (const step of plan.folders) await startTransferJob(plan, step, conflict, doing);
  if (plan.objects.length === 0) return;
  const failures: ApiError[] = [];
  let left = plan.objects.length;
  const others = () => left - 1;
  const counts = await runAll(`${doing} ${formatObjects(plan.objects.length)}`, plan.objects, async (step) => {
    const outcome = await transferObject(plan, step, (key) => ask(key, others)).catch((error: unknown) => {
      failures.push(toApiError(error));
      return 'failed' as const;
    });
    left -= 1;
    return outcome;
  });
  report(plan.mode === 'move' ? 'moved' : 'copied', counts, failures);
  await Promise.all([...new Set([plan.fromBucket, plan.toBucket])].map(refreshListings));
}

async function startTransferJob(plan: TransferPlan, step: Step, conflict: Conflict, doing: string): Promise<void> {
  const request = {
    ...{ bucket: plan.fromBucket, prefix: step.from, to_bucket: plan.toBucket, to_prefix: step.to, conflict },
  };
  await startFolderJob(plan.mode, request).then(
    (job) => showJob(job, `${doing} ${labelOf(step.from)}`),
    (error: unknown) => toastError(`“${labelOf(step.from)}” stays as it is`, toApiError(error)),
  );
}

async function transferObject(
  plan: TransferPlan,
  step: Step,
  ask: (key: string) => Promise<ConflictAnswer>,
): Promise<Outcome> {
  const from = { bucket: plan.fromBucket, name: step.from };
  let to = { bucket: plan.toBucket, name: step.to };
  let answer: ConflictAnswer | null = null;
  for (;;) {
    try {
      await (plan.mode === 'move' ? moveObject(from, to) : copyObject(from, to, false));
      return 'done';
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
    }
    answer ??= await ask(to.name);
    if (answer === 'skip') return 'skipped';
    if (answer === 'replace') return replaceObject(plan, from, to);
    to = { ...to, name: nextKey(to.name) };
  }
}

/** A move never replaces anything, so this copies over the old object first and deletes the source last. */
async function replaceObject(plan: TransferPlan, from: ObjectAddress, to: ObjectAddress): Promise<Outcome> {
  await copyObject(from, to, true);
  if (plan.mode === 'copy') return 'done';
  const gone = await deleteObjects(from.bucket, [from.name]);
  if (gone.length > 0) return 'done';
  throw new ApiError('It was copied, but no policy lets you delete it in its old place', { status: 403 });
}

/** Delete rows for good: objects in batches, folders as jobs of the server. What fails is told, not thrown. */
export async function remove(place: Place, rows: readonly Row[]): Promise<void> {
  const objects = rows.filter((row): row is ObjectRow => row.kind === 'object');
  const folders = rows.filter((row): row is FolderRow => row.kind === 'folder');
  for (const folder of folders) await removeFolder(place, folder);
  if (objects.length > 0) await removeObjects(place, objects);
}

/** Delete everything in the folder, also what this page has not listed. */
export async function removeFolder({ bucket }: Place, { key, label, isPending }: FolderRow): Promise<void> {
  dropPendingFolder(bucket, key);
  if (isPending) return;
  await startFolderJob('delete', { bucket, prefix: key }).then(
    (job) => showJob(job, `Deleting ${label || bucket}`),
    (error: unknown) => toastError(`“${label || bucket}” was not deleted`, toApiError(error)),
  );
}

async function removeObjects(place: Place, objects: readonly ObjectRow[]): Promise<void> {
  const keys = objects.map((row) => row.key);
  await stopListings(place);
  changeListings(place, (listing) => without(listing, keys));
  const failures: ApiError[] = [];
  let refused = 0;
  await runAll(
    `Deleting ${formatObjects(keys.length)}`,
    batches(keys),
    async (names) => {
      try {
        refused += names.length - (await deleteObjects(place.bucket, names)).length;
        return 'done';
      } catch (error) {
        failures.push(toApiError(error));
        return 'failed';
      }
    },
    1,
  );
  if (refused > 0) failures.push(refusal(place.bucket, keys[0] ?? '', refused));
  const [failure] = failures;
  if (failure) toastError('Not everything was deleted', failure);
  else toast({ tone: 'good', title: `${formatObjects(keys.length)} deleted` });
  await refreshListings(place.bucket);
}

function batches(keys: readonly string[]): string[][] {
  const starts = Array.from({ length: Math.ceil(keys.length / DELETE_BATCH) }, (_, index) => index * DELETE_BATCH);
  return starts.map((start) => keys.slice(start, start + DELETE_BATCH));
}

function refusal(bucket: string, name: string, count: number): ApiError {
  const them = count === 1 ? 'it' : 'them';
  return new ApiError(`${formatObjects(count)} stayed: gone already, or no policy lets you delete ${them}.`, {
    ...{ status: 403, explain: { op: 'delete', bucket, name } },
  });
}

function report(verb: string, counts: Record<Outcome, number>, failures: readonly ApiError[]): void {
  const [failure] = failures;
  if (failure) return toastError(`${formatObjects(counts.failed)} not ${verb}`, failure);
  if (counts.done === 0) return;
  const skipped = counts.skipped > 0 ? { detail: `${formatObjects(counts.skipped)} skipped` } : {};
  toast({ tone: 'good', title: `${formatObjects(counts.done)} ${verb}`, ...skipped });
}
