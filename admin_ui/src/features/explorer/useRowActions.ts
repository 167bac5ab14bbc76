import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { publicAddress } from '../../api/objects';
import { bucketQuery, configQuery } from '../../api/queries';
import { labelOf } from '../../lib/keys';
import { type FolderRow, isStored, type Listing, parentOf, type Row } from '../../lib/listing';
import { useCopy } from '../../ui/copy';
import { toast } from '../../ui/Toast';
import type { RowActions } from './actions';
import type { Asking } from './asking';
import { clipboard } from './clipboard';
import { askAboutConflicts } from './conflicts';
import { download } from './download';
import type { Explorer } from './model';
import { transfer } from './operations';
import { planTransfer, type TransferMode } from './transfer-plan';

/** Move or copy rows, perhaps of another bucket, to the folder `prefix` of this one. False: nothing is to be done. */
export type Bring = (mode: TransferMode, bucket: string, rows: readonly Row[], prefix: string) => boolean;

interface Offer {
  actions: RowActions;
  bring: Bring;
  isPublic: boolean;
  asking: Asking | null;
  ask: (asking: Asking | null) => void;
}

/** What can be done with the rows of `explorer`, and what is asked about before it is done. */
export function useRowActions(explorer: Explorer): Offer {
  const { bucket } = explorer.place;
  const [asking, ask] = useState<Asking | null>(null);
  const isPublic = useQuery(bucketQuery(bucket)).data?.public === true;
  const publicUrl = useQuery(configQuery).data?.public_url ?? null;
  const copy = useCopy();
  const bring: Bring = (mode, from, rows, prefix) => {
    const isTaken = (key: string) => explorer.indexOf(key) >= 0;
    const plan = planTransfer(mode, from, rows.filter(isStored), { bucket, prefix }, isTaken);
    if (typeof plan !== 'string') void transfer(plan, 'fail', askAboutConflicts(bucket));
    else toast({ tone: 'default', title: plan });
    return typeof plan !== 'string';
  };
  const copyPublicUrl = ({ key }: Row) => copy(publicAddress({ bucket, name: key }, publicUrl), 'Public URL copied');
  return { actions: { ...rowActions(explorer, ask, bring), copyPublicUrl }, bring, isPublic, asking, ask };
}

function rowActions(explorer: Explorer, ask: Offer['ask'], bring: Bring): Omit<RowActions, 'copyPublicUrl'> {
  const { place, setSearch, openFolder } = explorer;
  return {
    open: (row) => (row.kind === 'folder' ? openFolder(row.key) : setSearch({ preview: row.key })),
    reveal: (row) => openFolder(parentOf(row), row.key),
    showTab: (row, tab) => row.kind === 'object' && setSearch({ preview: row.key, tab }),
    download: (rows) => (explorer.isWholeFolder || isListed(explorer)) && download(explorer, rows),
    rename: (row) => ask({ type: 'rename', row }),
    transfer: (mode, rows) => isListed(explorer) && ask({ type: 'transfer', mode, rows }),
    clip: (mode, rows) => isListed(explorer) && clip(mode, place.bucket, rows),
    paste: () => paste((mode, from, rows) => bring(mode, from, rows, place.prefix)),
    remove: (rows) => {
      if (explorer.isWholeFolder) ask({ type: 'delete', rows: [wholeFolder(explorer)] });
      else if (isListed(explorer)) ask({ type: 'delete', rows });
    },
  };
}

function clip(mode: TransferMode, bucket: string, rows: readonly Row[]): void {
  clipboard.set({ mode, bucket, rows });
  const what = rows.length === 1 ? `“${rows[0]?.label}”` : `${rows.length} items`;
  toast({ tone: 'default', title: `${mode === 'move' ? 'Cut' : 'Copied'} ${what}`, detail: 'Paste with Ctrl+V.' });
}

/** What was cut can be pasted once, what was copied again and again. */
function paste(bring: (mode: TransferMode, bucket: string, rows: readonly Row[]) => boolean): void {
  const clipped = clipboard.get();
  if (!clipped) return;
  const isUsed = bring(clipped.mode, clipped.bucket, clipped.rows);
  if (isUsed && clipped.mode === 'move') clipboard.set(null);
}

/** Tell whether every selected row is known; if not, say so: an action would miss rows without a word. */
export function isListed({ state, listing, isFetching }: Explorer): boolean {
  if (!state.selection.all || listing.progress === 'complete') return true;
  toast({ tone: 'default', title: 'Not every selected row is listed', detail: adviceFor(listing, isFetching) });
  return false;
}

function adviceFor({ progress }: Listing, isFetching: boolean): string {
  if (progress === 'capped') return 'Select fewer rows, or act on the folder itself.';
  return isFetching ? 'Wait until the list is complete.' : 'The list ends too early. Refresh it first.';
}

/** Everything in the open folder, also what is not listed yet. */
function wholeFolder({ place: { bucket, prefix } }: Explorer): FolderRow {
  return { kind: 'folder', key: prefix, label: prefix === '' ? bucket : labelOf(prefix), updatedAt: null };
}
