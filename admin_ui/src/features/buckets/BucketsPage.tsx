import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { bucketsQuery, useSession } from '../../api/queries';
import type { Bucket } from '../../api/types';
import type { BucketsSearch } from '../../lib/search';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { SearchInput } from '../../ui/Field';
import { PageHead } from '../../ui/PageHead';
import { Skeleton } from '../../ui/Skeleton';
import type { Sort } from '../../ui/Table';
import { useTyped } from '../../ui/useTyped';
import { BucketTable, type Removal } from './BucketTable';
import { CreateBucketDialog } from './CreateBucketDialog';
import { DeleteBucketDialog, EmptyBucketDialog } from './RemoveDialogs';

const route = getRouteApi('/signed-in/');

const SNIPPET = `import { StorageClient } from '@supabase/storage-js'

const storage = new StorageClient(\`\${serverUrl}/storage/v1\`, { apikey: key, authorization: \`Bearer \${key}\` })
await storage.createBucket('avatars', { public: false })`;

export function BucketsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/' });
  const [creating, setCreating] = useState(false);
  const [removal, setRemoval] = useState<Removal | null>(null);
  const change = (part: BucketsSearch) =>
    void navigate({ search: (current) => ({ ...current, ...part }), replace: true });
  return (
    <>
      <PageHead title="Buckets">
        <BucketFilter given={search.q ?? ''} onChange={(q) => change({ q: q || undefined })} />
        <Button tone="primary" icon={Plus} data-focus-home onClick={() => setCreating(true)}>
          New bucket
        </Button>
      </PageHead>
      <BucketList search={search} onChange={change} onCreate={() => setCreating(true)} onRemove={setRemoval} />
      {creating && <CreateBucketDialog onClose={() => setCreating(false)} />}
      {removal?.kind === 'empty' && <EmptyBucketDialog bucket={removal.bucket} onClose={() => setRemoval(null)} />}
      {removal?.kind === 'delete' && <DeleteBucketDialog bucket={removal.bucket} onClose={() => setRemoval(null)} />}
    </>
  );
}

function BucketFilter({ given, onChange }: { given: string; onChange: (q: string) => void }) {
  const [text, setText] = useTyped(given, onChange);
  return <SearchInput label="Filter buckets" value={text} onChange={setText} />;
}

interface BucketListProps {
  search: BucketsSearch;
  onChange: (part: BucketsSearch) => void;
  onCreate: () => void;
  onRemove: (removal: Removal) => void;
}

function BucketList({ search, onChange, onCreate, onRemove }: BucketListProps) {
  const { q = '', sort = 'name', order = 'asc' } = search;
  const list = useInfiniteQuery(
    bucketsQuery({ search: q.trim(), sortColumn: sort, sortOrder: order }),
  );
  const buckets = list.data?.pages.flat() ?? [];
  if (list.isError && !list.data) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />;
  if (list.isPending) return <Skeleton label="Loading buckets" />;
  if (buckets.length === 0 && q) return <NoMatch q={q} onClear={() => onChange({ q: undefined })} />;
  if (buckets.length === 0) return <NoBuckets onCreate={onCreate} />;
  return (
    <>
      <BucketCount buckets={buckets} complete={!list.hasNextPage} />
      <BucketTable
        buckets={buckets}
        complete={!list.hasNextPage}
        sort={{ by: sort, descending: order === 'desc' }}
        onSort={(next) => onChange(toSearch(next))}
        onRemove={onRemove}
      />
      {list.hasNextPage && (
        <div>
          <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {list.isFetchingNextPage ? 'Loading…' : 'Load more buckets'}
          </Button>
        </div>
      )}
    </>
  );
}

function toSearch({ by, descending }: Sort): BucketsSearch {
  return { sort: by === 'updated_at' ? 'updated_at' : 'name', order: descending ? 'desc' : 'asc' };
}

function BucketCount({ buckets, complete }: { buckets: readonly Bucket[]; complete: boolean }) {
  return (
    <p role="status" className="muted small">
      {buckets.length}
      {complete ? '' : '+'} {buckets.length === 1 ? 'bucket' : 'buckets'}
    </p>
  );
}

function NoMatch({ q, onClear }: { q: string; onClear: () => void }) {
  return (
    <EmptyState title="No match" action={<Button onClick={onClear}>Clear the filter</Button>}>
      <p>
        No bucket has <bdi className="mono">{q}</bdi> in its name.
      </p>
    </EmptyState>
  );
}

function NoBuckets({ onCreate }: { onCreate: () => void }) {
  const isUser = useSession()?.is_service === false;
  return (
    <EmptyState
      title="No buckets yet"
      action={
        <Button tone="primary" icon={Plus} onClick={onCreate}>
          Create your first bucket
        </Button>
      }
    >
      <p>A bucket holds objects, and says how large they may be and whether everybody may read them.</p>
      {isUser && <p>Policies decide which buckets you see. One that you know by name opens at its address.</p>}
      <p>From a program:</p>
      <pre>
        <code>{SNIPPET}</code>
      </pre>
    </EmptyState>
  );
}
