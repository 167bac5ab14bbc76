import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { readBytes } from '../../api/objects';
import type { ObjectInfo } from '../../api/types';
import { formatBytes } from '../../lib/format';
import { Notice } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { ErrorState } from '../../ui/ErrorState';
import { Skeleton } from '../../ui/Skeleton';
import { looksBinary, textOf } from './bytes';

const PORTION_BYTES = 256 * 1024;

/** Text as it is stored, a portion at a time. Nothing in it is interpreted. */
export function TextContent({ facts }: { facts: ObjectInfo }) {
  const query = useInfiniteQuery({
    queryKey: ['text', facts.bucket, facts.name, facts.version],
    queryFn: ({ pageParam: first, signal }) =>
      readBytes(facts, { version: facts.version, first, last: lastOf(first, facts) }, signal),
    initialPageParam: 0,
    getNextPageParam: (_portion, portions) => nextOf(portions, facts),
    staleTime: Infinity,
    gcTime: 60_000,
  });
  const portions = query.data?.pages;
  const text = useMemo(() => joined(portions ?? [], !query.hasNextPage), [portions, query.hasNextPage]);
  if (!portions && query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!portions) return <Skeleton label="Loading the text" />;
  const shown = formatBytes(nextOf(portions, facts) ?? facts.size_bytes);
  return (
    <>
      {looksBinary(text) && (
        <Notice tone="warn">This is stored as {facts.content_type}, and does not look like text.</Notice>
      )}
      <pre className="preview-text">{text}</pre>
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {query.isFetchingNextPage ? 'Loading…' : `Load more (${shown} of ${formatBytes(facts.size_bytes)} shown)`}
        </Button>
      )}
    </>
  );
}

function lastOf(first: number, { size_bytes }: ObjectInfo): number {
  return Math.min(first + PORTION_BYTES, size_bytes) - 1;
}

function nextOf(portions: readonly Uint8Array[], { size_bytes }: ObjectInfo): number | undefined {
  const read = portions.reduce((sum, portion) => sum + portion.length, 0);
  return read < size_bytes ? read : undefined;
}

/** Portions end anywhere, also in the middle of a character, so they are read as one. */
function joined(portions: readonly Uint8Array[], isWhole: boolean): string {
  const all = new Uint8Array(portions.reduce((sum, portion) => sum + portion.length, 0));
  let offset = 0;
  for (const portion of portions) {
    all.set(portion, offset);
    offset += portion.length;
  }
  return textOf(all, isWhole);
}
