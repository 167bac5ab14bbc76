import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';
import { rowAt } from '../../lib/listing';
import { steadily } from '../../lib/steadily';
import { refreshListingsAfterwards } from './listing-query';
import type { Explorer } from './model';
import { settlePendingFolders } from './pending-folders';

const FOLLOW_MS = 250;
const REFRESH_MS = 400;

type Subscribe = (listener: (stored: { bucket: string; key: string }) => void) => () => void;

/** Show what was uploaded, from the server, and not more often than lists can be asked for. */
export function useRefreshAfterUploads(onStored: Subscribe, bucket: string): void {
  useEffect(() => {
    const refresher = steadily(REFRESH_MS, () => refreshListingsAfterwards(bucket));
    const unsubscribe = onStored((stored) => {
      settlePendingFolders(stored.bucket, stored.key);
      if (stored.bucket === bucket) refresher.ask();
    });
    return () => {
      refresher.stop();
      unsubscribe();
    };
  }, [onStored, bucket]);
}

/** The keys work at once in a new folder, without a click, unless somebody types somewhere. */
export function useFocusInNewFolder(grid: RefObject<HTMLElement | null>, prefix: string, isLoaded: boolean): void {
  const focusedIn = useRef<string | null>(null);
  useEffect(() => {
    if (!isLoaded || focusedIn.current === prefix) return;
    focusedIn.current = prefix;
    const isTyping = document.activeElement?.matches('input, textarea, select, [role=dialog] *');
    if (!isTyping) grid.current?.focus({ preventScroll: true });
  }, [grid, prefix, isLoaded]);
}

/** An open preview follows the cursor once it rests on an object. */
export function useFollowingPreview(explorer: Explorer): void {
  const { cursor } = explorer.state;
  const latest = useLatest(explorer);
  useEffect(() => {
    if (cursor === null) return;
    const timer = setTimeout(() => {
      const { search, setSearch, listing, indexOf } = latest.current;
      if (search.preview === undefined || search.preview === cursor) return;
      if (rowAt(listing, indexOf(cursor))?.kind === 'object') setSearch({ preview: cursor });
    }, FOLLOW_MS);
    return () => clearTimeout(timer);
  }, [cursor, latest]);
}

/** Return a reference that holds what `value` was in the last render that was shown. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value);
  useLayoutEffect(() => {
    latest.current = value;
  });
  return latest;
}
