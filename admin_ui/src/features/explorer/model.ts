import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type Dispatch, useMemo, useReducer, useState } from 'react';
import type { ListOrder } from '../../api/objects';
import {
  allRows,
  EMPTY_LISTING,
  keysBetween,
  type Listing,
  positions,
  type Row,
  rowAt,
  rowCount,
  withPending,
} from '../../lib/listing';
import { folderLink } from '../../lib/route';
import type { ExplorerSearch } from '../../lib/search';
import {
  isSelected,
  isWhole,
  NO_SELECTION,
  type SelectionAction,
  selectionReducer,
  type SelectionState,
} from '../../lib/selection';
import { indexAfter, type Motion, type MotionMode } from './grid-keys';
import { foundQuery, listingQuery, type Place, type Wanted } from './listing-query';
import { forgetLost } from './lost-rows';
import { childTowards, pendingFolders, pendingIn } from './pending-folders';
import { useStore } from './store';

/** What the parts of the explorer share: the place, its rows, and what is selected of them. */
export interface Explorer {
  place: Place;
  search: ExplorerSearch;
  /** Null while nothing is searched for. */
  wanted: Wanted | null;
  sortBy: ListOrder;
  listing: Listing;
  /** False until the first rows are there. */
  isLoaded: boolean;
  isFetching: boolean;
  error: Error | null;
  refetch: () => void;
  state: SelectionState;
  dispatch: Dispatch<SelectionAction>;
  indexOf: (key: string) => number;
  selectedRows: () => Row[];
  isWholeFolder: boolean;
  move: (motion: Motion, mode: MotionMode, pageRows: number) => void;
  goTo: (index: number, mode: MotionMode) => void;
  /** `preview`: an object in it that is shown beside the list. */
  openFolder: (prefix: string, preview?: string) => void;
  setSearch: (change: Partial<ExplorerSearch>) => void;
}

export function useExplorer(place: Place, search: ExplorerSearch): Explorer {
  const wanted = wantedOf(place, search);
  const sortBy = { column: search.sort ?? 'name', order: search.order ?? 'asc' } as const;
  const query = useQuery<Listing>(wanted ? foundQuery(place, wanted) : listingQuery(place, sortBy));
  const listing = useListing(place, query.data, wanted !== null);
  const selecting = useSelection({ place, wanted }, listing, search.preview ?? null);
  useFollowedRows(JSON.stringify([place.prefix, wanted, sortBy]), { listing, ...selecting });
  return {
    ...{ place, search, wanted, sortBy, listing },
    isLoaded: query.data !== undefined,
    isFetching: query.isFetching,
    error: query.error,
    refetch: () => void query.refetch(),
    ...selecting,
    ...useNavigation(place),
    isWholeFolder: isWhole(selecting.state.selection) && wanted === null,
  };
}

function wantedOf({ prefix }: Place, { q, scope }: ExplorerSearch): Wanted | null {
  return q ? { q, below: scope === 'bucket' ? '' : prefix } : null;
}

function useListing({ bucket, prefix }: Place, data: Listing | undefined, isSearch: boolean): Listing {
  const pending = useStore(pendingFolders);
  return useMemo(() => {
    const known = data ?? EMPTY_LISTING;
    return isSearch ? known : withPending(known, pendingIn(pending, bucket, prefix));
  }, [data, pending, bucket, prefix, isSearch]);
}

function useSelection(shown: Shown, listing: Listing, preview: string | null) {
  const [state, dispatch] = useReducer(selectionReducer, { ...NO_SELECTION, cursor: preview });
  useFollowedPlace(shown, preview, dispatch);
  const indexOf = useMemo(() => finderOf(listing), [listing]);
  const goTo = (index: number, mode: MotionMode) => {
    const key = rowAt(listing, index)?.key;
    if (key === undefined) return;
    if (mode === 'select' || mode === 'point') return dispatch({ type: mode, key });
    const from = state.anchor === null ? index : indexOf(state.anchor);
    const range = keysBetween(listing, from < 0 ? index : from, index);
    dispatch({ type: 'extend', key, range, add: mode === 'add' });
  };
  const move = (motion: Motion, mode: MotionMode, pageRows: number) => {
    const current = state.cursor === null ? -1 : indexOf(state.cursor);
    goTo(indexAfter(motion, current, rowCount(listing), pageRows), mode);
  };
  const selectedRows = () => allRows(listing).filter((row) => isSelected(state.selection, row.key));
  return { state, dispatch, indexOf, goTo, move, selectedRows };
}

/** Return a function that finds keys. It looks at the whole list once, and only when it is asked. */
function finderOf(listing: Listing): (key: string) => number {
  let at: Map<string, number> | null = null;
  return (key) => {
    at ??= positions(listing);
    return at.get(key) ?? -1;
  };
}

/** Which rows are listed: those of a folder, or those that were searched for from it. */
interface Shown {
  place: Place;
  wanted: Wanted | null;
}

/**
 * Forget the selection when other rows are listed: nobody sees what it would mean there.
 *
 * In a new folder the cursor is on what is previewed, or on the folder that was left.
 */
function useFollowedPlace(shown: Shown, preview: string | null, dispatch: Dispatch<SelectionAction>): void {
  const [before, setBefore] = useState(shown);
  const isOtherFolder = before.place.prefix !== shown.place.prefix;
  if (!isOtherFolder && before.wanted?.q === shown.wanted?.q && before.wanted?.below === shown.wanted?.below) return;
  setBefore(shown);
  dispatch({ type: 'clear' });
  if (!isOtherFolder) return;
  dispatch({ type: 'point', key: preview ?? childTowards(shown.place.prefix, before.place.prefix) });
}

type Selecting = Pick<Explorer, 'listing' | 'indexOf' | 'state' | 'dispatch'>;

/** Forget rows that go while the same list, which `of` names, is shown. One that is loading may yet bring them. */
function useFollowedRows(of: string, { listing, indexOf, state, dispatch }: Selecting): void {
  const [known, setKnown] = useState({ of, listing, indexOf });
  if (known.listing === listing || listing.progress === 'loading') return;
  setKnown({ of, listing, indexOf });
  const lost = known.of === of ? forgetLost(known, { listing, indexOf }, state) : null;
  if (lost) dispatch(lost);
}

function useNavigation({ bucket }: Place) {
  const navigate = useNavigate();
  const openFolder = (prefix: string, preview?: string) => {
    const keep = ({ sort, order }: ExplorerSearch) => ({ sort, order, preview });
    void navigate({ ...folderLink(bucket, prefix), search: keep });
  };
  const setSearch = (change: Partial<ExplorerSearch>) => {
    void navigate({ to: '.', search: (before: ExplorerSearch) => ({ ...before, ...change }), replace: true });
  };
  return { openFolder, setSearch };
}
