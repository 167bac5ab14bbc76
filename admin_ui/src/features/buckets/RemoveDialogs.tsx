import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { deleteBucket, emptyBucket } from '../../api/mutations';
import { countQuery, isActive, jobQuery, queryClient } from '../../api/queries';
import type { Count, Job } from '../../api/types';
import { ApiError } from '../../api/error';
import { formatBytes, formatObjects } from '../../lib/format';
import { Confirm } from '../../ui/Confirm';
import { FormError } from '../../ui/FormError';
import { QueryView } from '../../ui/QueryView';
import { toast } from '../../ui/Toast';

interface RemoveProps {
  bucket: string;
  onClose: () => void;
}

const POLL_MS = 500;

export function EmptyBucketDialog({ bucket, onClose }: RemoveProps) {
  const navigate = useNavigate();
  const count = useFreshCount(bucket);
  const empty = useMutation({
    mutationFn: () => emptyBucket(bucket),
    onSuccess: (job) => {
      onClose();
      void queryClient.invalidateQueries({ queryKey: ['bucket-stats', bucket] });
      toast({
        tone: 'good',
        title: job.state === 'done' ? `Bucket ${bucket} is empty` : `Emptying ${bucket}`,
        action: { label: 'Show job', run: () => void navigate({ to: '/jobs/$id', params: { id: job.id } }) },
      });
    },
  });
  return (
    <Confirm
      title={`Empty bucket ${bucket}`}
      submitLabel="Delete all objects"
      typed={bucket}
      blocked={!count.data}
      pending={empty.isPending}
      error={<FormError error={empty.error} />}
      onConfirm={() => empty.mutate()}
      onClose={onClose}
    >
      <QueryView query={count} loading="Counting objects">
        {(counted) => <p>{inWords(counted)} will be deleted. This cannot be undone.</p>}
      </QueryView>
    </Confirm>
  );
}

export function DeleteBucketDialog({ bucket, onClose, onDeleted }: RemoveProps & { onDeleted?: () => void }) {
  const count = useFreshCount(bucket);
  const remove = useMutation({
    mutationFn: async ({ objects }: Count) => {
      if (objects > 0) await untilEmpty(await emptyBucket(bucket));
      await deleteBucket(bucket);
    },
    onSuccess: async () => {
      // First: the focus goes back to what opened the dialog, and must not vanish with the row of the bucket.
      await queryClient.invalidateQueries({ queryKey: ['buckets'] });
      onClose();
      onDeleted?.();
      queryClient.removeQueries({ queryKey: ['bucket', bucket] });
      toast({ tone: 'good', title: `Bucket ${bucket} deleted` });
    },
    onError: () => queryClient.invalidateQueries({ queryKey: ['buckets'] }),
  });
  const isFull = count.data !== undefined && count.data.objects > 0;
  return (
    <Confirm
      title={`Delete bucket ${bucket}`}
      submitLabel={isFull ? 'Empty, then delete' : 'Delete bucket'}
      {...(isFull && { typed: bucket })}
      blocked={!count.data}
      pending={remove.isPending}
      error={<FormError error={remove.error} />}
      onConfirm={() => count.data && remove.mutate(count.data)}
      onClose={onClose}
    >
      <QueryView query={count} loading="Counting objects">
        {(counted) =>
          counted.objects > 0 ? (
            <p>
              It holds {inWords(counted)}. They are deleted first, as a job, and then the bucket. This cannot be undone.
            </p>
          ) : (
            <p>The bucket is empty. Its limits and its place in policies go with it.</p>
          )
        }
      </QueryView>
    </Confirm>
  );
}

/** Count anew: what was counted before may be wrong by now, and it is about to be deleted. */
function useFreshCount(bucket: string) {
  return useQuery({ ...countQuery(bucket, ''), gcTime: 0 });
}

function inWords({ objects, size_bytes, complete }: Count): string {
  return `${formatObjects(objects, complete)} with ${formatBytes(size_bytes)}`;
}

async function untilEmpty(started: Job): Promise<void> {
  let job = started;
  while (isActive(job)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    job = await queryClient.fetchQuery({ ...jobQuery(job.id), staleTime: 0 });
  }
  if (job.state === 'done') return;
  throw new ApiError(job.error?.message ?? `Emptying the bucket has stopped: the job was ${job.state}.`, {
    code: job.error?.code ?? 'JobStopped',
    hint: job.error?.hint ?? 'The bucket is still there. Look at the job, then try again.',
  });
}
