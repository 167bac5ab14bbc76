import { queryOptions, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Folder, FolderUp } from 'lucide-react';
import { useState } from 'react';
import { listPage } from '../../api/objects';
import { bucketsQuery } from '../../api/queries';
import type { Conflict } from '../../api/types';
import { folderProblem, parentPrefix, toPrefix } from '../../lib/keys';
import { NEXT_PAGE, type Row } from '../../lib/listing';
import { Button } from '../../ui/Button';
import { FormDialog } from '../../ui/Dialog';
import { SelectField, TextField } from '../../ui/Field';
import type { Place } from './listing-query';
import { planTransfer, type TransferMode, type TransferPlan } from './transfer-plan';

const BY_NAME = { column: 'name', order: 'asc' } as const;
const BY_ID = { search: '', sortColumn: 'name', sortOrder: 'asc' } as const;
const FOLDERS_SHOWN = 200;
const CONFLICTS = [
  { value: 'fail', label: 'Stop there' },
  { value: 'skip', label: 'Leave out what is taken' },
  { value: 'replace', label: 'Replace what is there' },
] as const;

interface DestinationDialogProps {
  mode: TransferMode;
  from: Place;
  rows: readonly Row[];
  onConfirm: (plan: TransferPlan, conflict: Conflict) => void;
  onClose: () => void;
}

/** Asks where rows go: a bucket, and a folder that is chosen or typed, which need not exist yet. */
export function DestinationDialog({ mode, from, rows, onConfirm, onClose }: DestinationDialogProps) {
  const [bucket, setBucket] = useState(from.bucket);
  const [folder, setFolder] = useState({ chosen: from.prefix, text: from.prefix });
  const [conflict, setConflict] = useState<Conflict>('fail');
  const to = { bucket, prefix: toPrefix(folder.text, folder.chosen) };
  const plan = folderProblem(to.prefix) ?? planTransfer(mode, from.bucket, rows, to);
  const isUntouched = bucket === from.bucket && to.prefix === from.prefix;
  const isPartial = folder.text !== '' && !folder.text.endsWith('/');
  const choose = (prefix: string) => setFolder({ chosen: prefix, text: prefix });
  const verb = mode === 'move' ? 'Move' : 'Copy';
  const chooseBucket = (name: string) => {
    setBucket(name);
    choose('');
  };
  const submit = () => {
    if (typeof plan === 'string') return;
    onClose();
    onConfirm(plan, conflict);
  };
  return (
    <FormDialog
      title={`${verb} ${rows.length === 1 ? `“${rows[0]?.label}”` : `${rows.length} items`}`}
      submitLabel={`${verb} to ${to.prefix || 'the root of the bucket'}`}
      blocked={typeof plan === 'string'}
      onSubmit={submit}
      onClose={onClose}
    >
      <BucketChoice value={bucket} onChange={chooseBucket} />
      <TextField
        label="Folder"
        hint="Empty is the root of the bucket. A folder that is not there yet comes into being."
        value={folder.text}
        error={typeof plan === 'string' && !isUntouched ? plan : null}
        autoFocus
        onChange={({ target }) => setFolder({ ...folder, text: target.value })}
      />
      <FolderChoice bucket={bucket} start={isPartial ? to.prefix.slice(0, -1) : to.prefix} onChoose={choose} />
      {rows.some((row) => row.kind === 'folder') && (
        <SelectField
          label="When a name in a folder is taken"
          value={conflict}
          options={CONFLICTS}
          onChange={setConflict}
        />
      )}
    </FormDialog>
  );
}

function BucketChoice({ value, onChange }: { value: string; onChange: (bucket: string) => void }) {
  const { data } = useInfiniteQuery(bucketsQuery(BY_ID));
  const known = data?.pages.flat().map(({ id }) => id) ?? [];
  const ids = known.includes(value) ? known : [value, ...known];
  const options = ids.map((id) => ({ value: id, label: id }));
  return <SelectField label="Bucket" value={value} options={options} onChange={onChange} />;
}

/** Folders whose path begins with `start`: those in a folder, or those that somebody may be about to type. */
function foldersQuery(bucket: string, start: string) {
  return queryOptions({
    queryKey: ['folders', bucket, start],
    queryFn: ({ signal }) => listPage(bucket, start, { sortBy: BY_NAME, cursor: null, limit: NEXT_PAGE }, signal),
    // Those of another bucket would lead nowhere.
    placeholderData: (before, query) => (query?.queryKey[1] === bucket ? before : undefined),
  });
}

interface FolderChoiceProps {
  bucket: string;
  start: string;
  onChoose: (prefix: string) => void;
}

function FolderChoice({ bucket, start, onChoose }: FolderChoiceProps) {
  const { data, isPending, error } = useQuery(foldersQuery(bucket, start));
  const folders = data?.folders ?? [];
  const isCut = folders.length > FOLDERS_SHOWN || (data !== undefined && data.nextCursor !== null);
  const none = error?.message ?? (isPending ? 'Looking for folders…' : 'No folders in here.');
  return (
    <ul className="folder-list" aria-label={`Folders in ${start || bucket}`}>
      {start !== '' && <UpChoice parent={parentPrefix(start)} onChoose={onChoose} />}
      {folders.slice(0, FOLDERS_SHOWN).map((folder) => (
        <li key={folder.key}>
          <Button icon={Folder} tone="quiet" onClick={() => onChoose(folder.key)}>
            <bdi className="truncate">{folder.label || '(no name)'}</bdi>
          </Button>
        </li>
      ))}
      {isCut && <li className="muted small">There may be more. Type the beginning of the name to find them.</li>}
      {folders.length === 0 && !isCut && <li className="muted small">{none}</li>}
    </ul>
  );
}

function UpChoice({ parent, onChoose }: { parent: string; onChoose: (prefix: string) => void }) {
  return (
    <li>
      <Button icon={FolderUp} tone="quiet" onClick={() => onChoose(parent)}>
        {parent || 'Root of the bucket'}
      </Button>
    </li>
  );
}
