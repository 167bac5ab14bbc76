import { parentOf, type Row } from '../../lib/listing';
import type { Asking } from './asking';
import { askAboutConflicts } from './conflicts';
import { DeleteDialog } from './DeleteDialog';
import { DestinationDialog } from './DestinationDialog';
import type { Explorer } from './model';
import { NewFolderDialog, RenameDialog } from './NameDialog';
import { remove, rename, transfer } from './operations';
import { addPendingFolder } from './pending-folders';

interface ActionDialogProps {
  asking: Asking;
  explorer: Explorer;
  onClose: () => void;
}

/** The dialog for what is asked. What it is told is done at once, and the list follows. */
export function ActionDialog({ asking, explorer, onClose }: ActionDialogProps) {
  const { place } = explorer;
  switch (asking.type) {
    case 'rename': {
      const { row } = asking;
      const submit = (label: string) => renameRow(explorer, row, label);
      return <RenameDialog row={row} isTaken={takenIn(explorer, parentOf(row), row.kind)} onClose={onClose} onSubmit={submit} />;
    }
    case 'newFolder':
      return (
        <NewFolderDialog
          prefix={place.prefix}
          isTaken={takenIn(explorer, place.prefix, 'folder')}
          onClose={onClose}
          onSubmit={(label) => Promise.resolve(makeFolder(explorer, label))}
        />
      );
    case 'delete': {
      const { rows } = asking;
      const confirm = () => removeRows(explorer, rows);
      return <DeleteDialog bucket={place.bucket} rows={rows} onClose={onClose} onConfirm={confirm} />;
    }
    case 'transfer':
      return (
        <DestinationDialog
          {...{ mode: asking.mode, rows: asking.rows, from: place, onClose }}
          onConfirm={(plan, conflict) => void transfer(plan, conflict, askAboutConflicts(plan.toBucket))}
        />
      );
  }
}

/** Tell of names in `prefix` whether they are listed. To give a folder the name of another would mix the two. */
function takenIn({ indexOf }: Explorer, prefix: string, kind: Row['kind']): (label: string) => boolean {
  const end = kind === 'folder' ? '/' : '';
  return (label) => indexOf(prefix + label + end) >= 0;
}

async function renameRow(explorer: Explorer, row: Row, label: string): Promise<void> {
  const { place, search, dispatch, setSearch } = explorer;
  await rename(place, row, label);
  // What was found is shown with its path, which only a new search gives.
  if (explorer.wanted !== null) explorer.refetch();
  const to = parentOf(row) + label;
  // A job gives a folder its name; the row is there under it in a while.
  if (row.kind === 'folder') return dispatch({ type: 'point', key: `${to}/` });
  dispatch({ type: 'rename', from: row.key, to });
  if (search.preview === row.key) setSearch({ preview: to });
}

function makeFolder({ place, dispatch }: Explorer, label: string): void {
  const prefix = `${place.prefix}${label}/`;
  addPendingFolder(place.bucket, prefix);
  dispatch({ type: 'select', key: prefix });
}

function removeRows({ place, search, dispatch, setSearch }: Explorer, rows: readonly Row[]): void {
  const keys = rows.map((row) => row.key);
  dispatch({ type: 'clear' });
  if (search.preview !== undefined && keys.includes(search.preview)) setSearch({ preview: undefined, tab: undefined });
  void remove(place, rows);
}
