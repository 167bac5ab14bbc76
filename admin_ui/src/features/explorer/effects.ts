import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';
import { isFolderKey } from '../../lib/keys';
import { refreshListings } from './listing-query';
import type { Explorer } from './model';
import { settlePendingFolders } from './pending-folders';

const FOLLOW_MS = 250;
const REFRESH_MS = 400;

type Subscribe = (listener: (stored: { bucket: string; key: string }) => void) => () => void;

/** Show what was uploaded, from the server, and not more often than lists can be asked for. */
export function useRefreshAfterUploads(onStored: Subscribe, bucket: string): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unsubscribe = onStored((stored) => {
      settlePendingFolders(stored.bucket, stored.key);
      if (stored.bucket !== bucket) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        void refreshListings(bucket);
      }, REFRESH_MS);
    });
    return () => {
      clearTimeout(timer);
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
export function useFollowingPreview({ state: { cursor }, search: { preview }, setSearch }: Explorer): void {
  const latest = useLatest({ preview, setSearch });
  useEffect(() => {
    if (cursor === null || isFolderKey(cursor)) return;
    const timer = setTimeout(() => {
      const { preview: shown, setSearch: show } = latest.current;
      if (shown !== undefined && shown !== cursor) show({ preview: cursor });
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
