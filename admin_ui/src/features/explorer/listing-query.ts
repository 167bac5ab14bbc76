import { type QueryKey, queryOptions } from '@tanstack/react-query';
import { request } from '../../api/client';
import { listPage, type ListOrder, rowOfFound } from '../../api/objects';
import { withQuery } from '../../api/path';
import { queryClient } from '../../api/queries';
import type { SearchPage } from '../../api/types';
import { type FetchPage, growingListing, type Listing, type ListingBuilder, MAX_ROWS } from '../../lib/listing';

export const MAX_FOUND = 2000;

const SEARCH_PAGE = 200;
const PUBLISH_MS = 400;

export interface Place {
  bucket: string;
  prefix: string;
}

/** What is searched for, and below which prefix; "" is the whole bucket. */
export interface Wanted {
  q: string;
  below: string;
}

/** One folder, page by page. It grows in the cache while it loads, and stays as it was while it loads again. */
export function listingQuery({ bucket, prefix }: Place, sortBy: ListOrder) {
  const fetchPage: FetchPage = (cursor, limit, signal) => listPage(bucket, prefix, { sortBy, cursor, limit }, signal);
  return growingQuery(['listing', bucket, prefix, sortBy], fetchPage, MAX_ROWS);
}

/** Objects whose name holds `q`. The label of each is its name below the open folder. */
export function foundQuery({ bucket, prefix }: Place, { q, below }: Wanted) {
  const label = prefix.startsWith(below) ? below : prefix;
  const fetchPage: FetchPage = async (cursor, _limit, signal) => {
    const query = { bucket, q, prefix: below, limit: SEARCH_PAGE, cursor };
    const page = await request<SearchPage>(withQuery('api/objects/search', query), { signal });
    return { folders: [], objects: page.objects.map((found) => rowOfFound(found, label)), nextCursor: page.cursor };
  };
  return growingQuery(['listing', bucket, prefix, { q, below }], fetchPage, MAX_FOUND);
}

function growingQuery(queryKey: QueryKey, fetchPage: FetchPage, maxRows: number) {
  return queryOptions({
    queryKey,
    queryFn: ({ signal }) => grow(queryKey, growingListing(fetchPage, signal, maxRows)),
    staleTime: 2_000,
    gcTime: 60_000,
    structuralSharing: false,
  });
}

async function grow(queryKey: QueryKey, pages: AsyncGenerator<ListingBuilder>): Promise<Listing> {
  const isFirstTime = queryClient.getQueryData(queryKey) === undefined;
  let last: ListingBuilder | null = null;
  let publishedAt = Number.NEGATIVE_INFINITY;
  for await (const builder of pages) {
    last = builder;
    if (!isFirstTime || builder.progress !== 'loading' || Date.now() - publishedAt < PUBLISH_MS) continue;
    publishedAt = Date.now();
    queryClient.setQueryData(queryKey, builder.listing());
  }
  if (last === null) throw new DOMException('The folder was left', 'AbortError');
  return last.listing();
}

/** Change the lists of a folder that are in memory, before the server is asked again. */
export function changeListings({ bucket, prefix }: Place, change: (listing: Listing) => Listing): void {
  queryClient.setQueriesData<Listing>({ queryKey: ['listing', bucket, prefix] }, (known) => known && change(known));
}

/** Ask again for the folders of `bucket` that are shown, and forget the others. */
export async function refreshListings(bucket: string): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ['listing', bucket] });
}
