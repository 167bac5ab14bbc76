import { useMutation, useQuery, type UseMutationResult } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState, type SubmitEvent } from 'react';
import { isMissing } from '../../api/error';
import { updateBucket } from '../../api/mutations';
import { bucketQuery, bucketStatsQuery, queryClient } from '../../api/queries';
import type { Bucket } from '../../api/types';
import { formatBytes, formatObjects } from '../../lib/format';
import { BucketTabs } from '../../ui/BucketTabs';
import { Button } from '../../ui/Button';
import { Confirm } from '../../ui/Confirm';
import { ErrorState } from '../../ui/ErrorState';
import { FormError } from '../../ui/FormError';
import { NoSuchBucket } from '../../ui/NoSuchBucket';
import { PageHead } from '../../ui/PageHead';
import { Skeleton } from '../../ui/Skeleton';
import { Time } from '../../ui/Time';
import { toast } from '../../ui/Toast';
import { UnsavedGuard } from '../../ui/UnsavedGuard';
import { LimitFields } from './LimitFields';
import { draftOf, isUsable, toLimits, useDraft, type LimitsDraft } from './limits';
import { DeleteBucketDialog, EmptyBucketDialog } from './RemoveDialogs';
import './buckets.css';

const route = getRouteApi('/signed-in/buckets/$bucket/-/settings');

export function BucketSettingsPage() {
  const { bucket } = route.useParams();
  const { data, error, refetch } = useQuery(bucketQuery(bucket));
  return (
    <>
      <PageHead title={bucket} />
      <BucketTabs bucket={bucket} />
      {data ? (
        <Cards key={bucket} bucket={data} />
      ) : isMissing(error) ? (
        <NoSuchBucket />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton label="Loading the bucket" />
      )}
    </>
  );
}

function Cards({ bucket }: { bucket: Bucket }) {
  return (
    <div className="stack settings-cards">
      <AboutCard bucket={bucket} />
      <LimitsCard bucket={bucket} />
      <DangerCard bucket={bucket.id} />
    </div>
  );
}

function AboutCard({ bucket }: { bucket: Bucket }) {
  const { data: stats, isPending } = useQuery(bucketStatsQuery(bucket.id));
  const counted = stats && `${formatObjects(stats.objects, stats.complete)}, ${formatBytes(stats.size_bytes)}`;
  return (
    <section className="card">
      <h2>About</h2>
      <dl className="facts">
        <dt>Content</dt>
        <dd>{counted ?? (isPending ? '…' : 'not known')}</dd>
        <dt>Created</dt>
        <dd>
          <Time at={bucket.created_at} />
        </dd>
        <dt>Settings changed</dt>
        <dd>
          <Time at={bucket.updated_at} />
        </dd>
      </dl>
    </section>
  );
}

function LimitsCard({ bucket }: { bucket: Bucket }) {
  const { draft, change, replace } = useDraft(bucket);
  const [asking, setAsking] = useState(false);
  const isDirty = JSON.stringify(draft) !== JSON.stringify(draftOf(bucket));
  const save = useSave(bucket.id, (saved, sent) => {
    setAsking(false);
    // What was typed meanwhile is not saved yet.
    replace((current) => (current === sent ? draftOf(saved) : current));
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (draft.public && !bucket.public) setAsking(true);
    else save.mutate(draft);
  };
  return (
    <form className="card" onSubmit={submit} aria-label="Access and limits">
      <h2>Access and limits</h2>
      <UnsavedGuard isDirty={isDirty} />
      <LimitFields draft={draft} onChange={change} />
      {!asking && <FormError error={save.error} />}
      <div className="cluster">
        <Button
          type="submit"
          tone="primary"
          busy={save.isPending}
          disabled={!isDirty || !isUsable(draft)}
        >
          Save
        </Button>
        <Button disabled={!isDirty} onClick={() => replace(draftOf(bucket))}>
          Discard changes
        </Button>
      </div>
      {asking && <GoPublic bucket={bucket.id} draft={draft} save={save} onClose={() => setAsking(false)} />}
    </form>
  );
}

/** Save a draft, and read what the server made of it. */
function useSave(bucket: string, onSaved: (saved: Bucket, sent: LimitsDraft) => void) {
  return useMutation({
    mutationFn: async (draft: LimitsDraft) => {
      await updateBucket(bucket, toLimits(draft));
      return queryClient.fetchQuery({ ...bucketQuery(bucket), staleTime: 0 });
    },
    onSuccess: (saved, sent) => {
      void queryClient.invalidateQueries({ queryKey: ['buckets'] });
      onSaved(saved, sent);
      toast({ tone: 'good', title: 'Settings saved' });
    },
  });
}

interface GoPublicProps {
  bucket: string;
  draft: LimitsDraft;
  save: UseMutationResult<Bucket, Error, LimitsDraft>;
  onClose: () => void;
}

function GoPublic({ bucket, draft, save, onClose }: GoPublicProps) {
  const { data: stats } = useQuery(bucketStatsQuery(bucket));
  return (
    <Confirm
      title={`Make ${bucket} public`}
      submitLabel="Make public"
      pending={save.isPending}
      error={<FormError error={save.error} />}
      onConfirm={() => save.mutate(draft)}
      onClose={onClose}
    >
      <p>
        {stats ? formatObjects(stats.objects, stats.complete) : 'All objects'} in this bucket can then be read by
        anybody who knows or guesses an address. Copies that others or caches have made stay when you make it private
        again.
      </p>
    </Confirm>
  );
}

function DangerCard({ bucket }: { bucket: string }) {
  const [asking, setAsking] = useState<'empty' | 'delete' | null>(null);
  const navigate = useNavigate();
  const close = () => setAsking(null);
  return (
    <section className="card">
      <h2>Remove</h2>
      <p className="muted">Neither can be undone.</p>
      <div className="cluster">
        <Button tone="danger" onClick={() => setAsking('empty')}>
          Empty bucket…
        </Button>
        <Button tone="danger" onClick={() => setAsking('delete')}>
          Delete bucket…
        </Button>
      </div>
      {asking === 'empty' && <EmptyBucketDialog bucket={bucket} onClose={close} />}
      {asking === 'delete' && (
        <DeleteBucketDialog bucket={bucket} onClose={close} onDeleted={() => void navigate({ to: '/', search: {} })} />
      )}
    </section>
  );
}
