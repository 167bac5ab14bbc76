import { ApiError } from '../../api/error';
import { cancelJob, deleteBucket, emptyBucket } from '../../api/mutations';
import { isActive, jobQuery, queryClient } from '../../api/queries';
import type { Job } from '../../api/types';
import type { ToastMessage } from '../../ui/Toast';

const POLL_MS = 500;

/**
 * Delete what is in a bucket, and then the bucket. `stop`: cancel that; what is gone by then stays gone.
 *
 * Raises: ApiError when it was stopped or not everything could be deleted. The bucket is there still.
 */
export async function removeWithContent(bucket: string, stop: AbortSignal): Promise<void> {
  const job = await ended(await emptyBucket(bucket), stop);
  if (stop.aborted || job.state !== 'done') throw whyKept(job);
  await deleteBucket(bucket);
}

/** Return a job as it is once it has ended. `stop`: cancel it. */
export async function ended(started: Job, stop?: AbortSignal): Promise<Job> {
  let job = started;
  let isCancelled = false;
  while (isActive(job)) {
    if (stop?.aborted && !isCancelled) {
      await cancelJob(job.id);
      isCancelled = true;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    job = await queryClient.fetchQuery({ ...jobQuery(job.id), staleTime: 0 });
  }
  return job;
}

/** Ask again for what is known of a bucket's content, where it is shown. */
export function forgetContent(bucket: string): void {
  for (const key of ['bucket-stats', 'count', 'listing', 'object']) {
    void queryClient.invalidateQueries({ queryKey: [key, bucket] });
  }
}

/** Say how a job that was to empty `bucket` has ended. */
export function outcomeOf(bucket: string, { state, refused, error }: Job): ToastMessage {
  if (state === 'done' && refused === 0) return { tone: 'good', title: `Bucket ${bucket} is empty` };
  const detail = error?.message ?? (state === 'done' ? 'Policies refused to delete the rest.' : `The job was ${state}.`);
  return { tone: 'danger', title: `Bucket ${bucket} is not empty`, detail };
}

function whyKept({ state, error }: Job): ApiError {
  const hint = 'The bucket is still there. Look at the job, then try again.';
  if (error) return new ApiError(error.message, { code: error.code, hint: error.hint ?? hint });
  const message = state === 'done' ? 'The bucket was empty before it could be stopped' : `The job was ${state}`;
  return new ApiError(message, { code: 'JobStopped', hint });
}
