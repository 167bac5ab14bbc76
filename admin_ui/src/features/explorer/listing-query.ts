import { type QueryKey, queryOptions } from '@tanstack/react-query';
import { listPage, type ListOrder, rowOfFound, searchPage } from '../../api/objects';
import { queryClient } from '../../api/queries';
import { type FetchPage, growingListing, type Listing, type ListingBuilder, MAX_ROWS, rowCount } from '../../lib/listing';

export const MAX_FOUND = 2000;

const PUBLISH_MS = 400;
const LONG_ROWS = 5000;

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
    const page = await searchPage({ bucket, q, prefix: below, cursor }, signal);
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
    // To come back to the page is no reason to ask for a long list again.
    refetchOnWindowFocus: ({ state: { data } }: { state: { data: Listing | undefined } }) => !data || rowCount(data) < LONG_ROWS,
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

/** Stop asking for a folder: an answer that is on its way would undo what is changed next. */
export async function stopListings({ bucket, prefix }: Place): Promise<void> {
  await queryClient.cancelQueries({ queryKey: ['listing', bucket, prefix] });
}

/** Change the lists of a folder that are in memory, before the server is asked again. */
export function changeListings({ bucket, prefix }: Place, change: (listing: Listing) => Listing): void {
  queryClient.setQueriesData<Listing>({ queryKey: ['listing', bucket, prefix] }, (known) => known && change(known));
}

/** Ask again for the folders of `bucket` that are shown, and forget the others; facts about its objects likewise. */
export async function refreshListings(bucket: string): Promise<void> {
  void queryClient.invalidateQueries({ queryKey: ['object', bucket] });
  await relist(bucket);
}

/** The same without the facts: one that has just lost its name would be asked for by it. */
export async function relist(bucket: string): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ['listing', bucket] });
}

/** Do what `refreshListings` does, but let a list that is on its way come first: asking often must not keep it from ever being complete. */
export async function refreshListingsAfterwards(bucket: string): Promise<void> {
  const filters = { queryKey: ['listing', bucket] };
  void queryClient.invalidateQueries({ queryKey: ['object', bucket] });
  const isLate = queryClient.isFetching(filters) > 0;
  await queryClient.invalidateQueries(filters, { cancelRefetch: false });
  if (isLate) await queryClient.invalidateQueries(filters, { cancelRefetch: false });
}
