import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef } from 'react';
import { deleteBucket, emptyBucket } from '../../api/mutations';
import { countQuery, isActive, queryClient } from '../../api/queries';
import type { Count, Job } from '../../api/types';
import { formatBytes, formatObjects } from '../../lib/format';
import { Confirm } from '../../ui/Confirm';
import { FormError } from '../../ui/FormError';
import { QueryView } from '../../ui/QueryView';
import { toast, toastError } from '../../ui/Toast';
import { ended, forgetContent, outcomeOf, removeWithContent } from './removal';

interface RemoveProps {
  bucket: string;
  onClose: () => void;
}

export function EmptyBucketDialog({ bucket, onClose }: RemoveProps) {
  const navigate = useNavigate();
  const count = useFreshCount(bucket);
  const empty = useMutation({
    mutationFn: () => emptyBucket(bucket),
    onSuccess: (job) => {
      onClose();
      void tellOfJob(bucket, job, () => void navigate({ to: '/jobs/$id', params: { id: job.id } }));
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
  const stop = useRef(new AbortController());
  const remove = useMutation({
    mutationFn: ({ objects }: Count) => {
      stop.current = new AbortController();
      return objects > 0 ? removeWithContent(bucket, stop.current.signal) : deleteBucket(bucket);
    },
    onSuccess: async () => {
      // First: the focus goes back to what opened the dialog, and must not vanish with the row of the bucket.
      await queryClient.invalidateQueries({ queryKey: ['buckets'] });
      onClose();
      onDeleted?.();
      queryClient.removeQueries({ queryKey: ['bucket', bucket] });
      toast({ tone: 'good', title: `Bucket ${bucket} deleted` });
    },
    onError: () => {
      void queryClient.invalidateQueries({ queryKey: ['buckets'] });
      forgetContent(bucket);
    },
  });
  // What it is about to delete does not change by being counted again meanwhile.
  const asked = remove.isPending ? remove.variables : count.data;
  const isFull = asked !== undefined && asked.objects > 0;
  return (
    <Confirm
      title={`Delete bucket ${bucket}`}
      submitLabel={isFull ? 'Empty, then delete' : 'Delete bucket'}
      {...(isFull && { typed: bucket })}
      blocked={!count.data}
      pending={remove.isPending}
      error={<FormError error={remove.error} />}
      onConfirm={() => count.data && remove.mutate(count.data)}
      {...(isFull && { onStop: () => stop.current.abort() })}
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

/** Say that a bucket is being emptied, and how that has ended, wherever the reader is by then. */
async function tellOfJob(bucket: string, job: Job, onShow: () => void): Promise<void> {
  const action = { label: 'Show job', run: onShow };
  if (isActive(job)) toast({ tone: 'default', title: `Emptying ${bucket}`, action });
  try {
    toast({ ...outcomeOf(bucket, await ended(job)), action });
  } catch (error) {
    toastError(`How emptying ${bucket} ended is not known`, error);
  } finally {
    forgetContent(bucket);
  }
}

/** Count anew: what was counted before may be wrong by now, and it is about to be deleted. */
function useFreshCount(bucket: string) {
  return useQuery({ ...countQuery(bucket, ''), gcTime: 0 });
}

function inWords({ objects, size_bytes, complete }: Count): string {
  return `${formatObjects(objects, complete)} with ${formatBytes(size_bytes)}`;
}
