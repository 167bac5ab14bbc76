import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { isMissing } from '../../api/error';
import { bucketQuery, useSession } from '../../api/queries';
import { formatBytes, formatCount } from '../../lib/format';
import { parentPrefix } from '../../lib/keys';
import { type Listing, MAX_ROWS, rowCount } from '../../lib/listing';
import { folderLink } from '../../lib/route';
import { countSelected, isEmptySelection, isSelected, type Selection } from '../../lib/selection';
import { Notice } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { NoSuchBucket } from '../../ui/NoSuchBucket';
import { Skeleton } from '../../ui/Skeleton';
import { MAX_FOUND } from './listing-query';
import type { Explorer } from './model';

interface ListStateProps {
  explorer: Explorer;
  onUpload: () => void;
  children: ReactNode;
}

/** The rows, or what there is to say in their place. Keys answer in an empty folder too, so its grid is there. */
export function ListState({ explorer, onUpload, children }: ListStateProps) {
  const { listing, isLoaded, error, refetch, place } = explorer;
  const isService = useSession()?.is_service === true;
  const missing = useQuery(bucketQuery(place.bucket)).error;
  const isEmpty = rowCount(listing) === 0;
  // A list of a bucket that is not there is empty. Users may see objects, and store some, in a bucket they cannot see.
  if (isEmpty && isService && isMissing(missing)) return <NoSuchBucket />;
  if (error && !isLoaded) return <ErrorState error={error} onRetry={refetch} />;
  if (!isLoaded && isEmpty) return <Skeleton label="Loading the folder" lines={10} />;
  return (
    <>
      {error && (
        <Notice tone="warn">
          <div className="cluster">
            <span className="grow">
              {listing.progress === 'loading' ? 'The list ends too early' : 'The list may be out of date'}: {error.message}
            </span>
            <Button onClick={refetch}>Try again</Button>
          </div>
        </Notice>
      )}
      {listing.progress === 'capped' && <Capped explorer={explorer} />}
      {children}
      {isEmpty && <Nothing explorer={explorer} onUpload={onUpload} />}
    </>
  );
}

function Capped({ explorer }: { explorer: Explorer }) {
  return (
    <Notice tone="warn">
      {explorer.wanted
        ? `These are the first ${formatCount(MAX_FOUND)} names that match. Search for more letters to see the others.`
        : `These are the first ${formatCount(MAX_ROWS)} entries. Search by name to find the others.`}
    </Notice>
  );
}

function Nothing({ explorer, onUpload }: Omit<ListStateProps, 'children'>) {
  const { place, wanted, search, setSearch, isFetching } = explorer;
  if (wanted && isFetching) return <Skeleton label="Searching" lines={10} />;
  if (wanted) {
    return (
      <EmptyState
        title={`No name holds “${wanted.q}”`}
        action={
          <div className="cluster">
            {wanted.below !== '' && search.scope !== 'bucket' && (
              <Button onClick={() => setSearch({ scope: 'bucket' })}>Search the whole bucket</Button>
            )}
            <Button onClick={() => setSearch({ q: undefined, scope: undefined })}>Clear the search</Button>
          </div>
        }
      />
    );
  }
  return (
    <EmptyState
      title={place.prefix === '' ? 'This bucket is empty' : 'Nothing is in this folder'}
      action={
        <div className="cluster">
          <Button tone="primary" onClick={onUpload}>
            Upload files
          </Button>
          {place.prefix !== '' && (
            <Link {...folderLink(place.bucket, parentPrefix(place.prefix))}>Go to the parent folder</Link>
          )}
        </div>
      }
    >
      {place.prefix !== '' && (
        <p>A folder is there as long as something lies in it: this one is new, or was renamed, moved or deleted.</p>
      )}
      <p>Drop files or folders here.</p>
    </EmptyState>
  );
}

/** How many rows there are and how many of them are selected. */
export function Status({ explorer: { listing, state, isFetching, isLoaded } }: { explorer: Explorer }) {
  const { selection } = state;
  const total = rowCount(listing);
  const bytes = useMemo(() => selectedBytes(listing, selection), [listing, selection]);
  const count = `${formatCount(total)}${listing.progress === 'complete' ? '' : '+'} ${total === 1 ? 'item' : 'items'}`;
  const selected = isEmptySelection(selection)
    ? []
    : [`${formatCount(countSelected(selection, total))} selected`, bytes > 0 && formatBytes(bytes)];
  const parts = [count, ...selected, isFetching && listing.progress === 'loading' && 'loading…'];
  return (
    <div role="status" className="explorer-status muted small numeric">
      {isLoaded && parts.filter(Boolean).join(' · ')}
    </div>
  );
}

function selectedBytes({ objects }: Listing, selection: Selection): number {
  if (isEmptySelection(selection)) return 0;
  return objects.reduce((sum, row) => sum + (isSelected(selection, row.key) ? row.sizeBytes : 0), 0);
}
