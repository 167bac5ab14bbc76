import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Folder, FolderUp } from 'lucide-react';
import { useState } from 'react';
import { bucketsQuery } from '../../api/queries';
import type { Conflict } from '../../api/types';
import { keyProblem, parentPrefix, toPrefix } from '../../lib/keys';
import type { Row } from '../../lib/listing';
import { Button } from '../../ui/Button';
import { FormDialog } from '../../ui/Dialog';
import { SelectField, TextField } from '../../ui/Field';
import { listingQuery, type Place } from './listing-query';
import { planTransfer, type TransferMode, type TransferPlan } from './transfer-plan';

const BY_NAME = { column: 'name', order: 'asc' } as const;
const BY_ID = { search: '', sortColumn: 'name', sortOrder: 'asc' } as const;
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
  const [text, setText] = useState(from.prefix);
  const [conflict, setConflict] = useState<Conflict>('fail');
  const to = { bucket, prefix: toPrefix(text) };
  const plan = keyProblemOf(to) ?? planTransfer(mode, from.bucket, rows, to);
  const isUntouched = bucket === from.bucket && text === from.prefix;
  const verb = mode === 'move' ? 'Move' : 'Copy';
  const chooseBucket = (chosen: string) => {
    setBucket(chosen);
    setText('');
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
        value={text}
        error={typeof plan === 'string' && !isUntouched ? plan : null}
        autoFocus
        onChange={(event) => setText(event.target.value)}
      />
      <FolderChoice place={to} onChoose={setText} />
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

function keyProblemOf({ prefix }: Place): string | null {
  return prefix === '' ? null : keyProblem(prefix);
}

function BucketChoice({ value, onChange }: { value: string; onChange: (bucket: string) => void }) {
  const { data } = useInfiniteQuery(bucketsQuery(BY_ID));
  const known = data?.pages.flat().map(({ id }) => id) ?? [];
  const ids = known.includes(value) ? known : [value, ...known];
  const options = ids.map((id) => ({ value: id, label: id }));
  return <SelectField label="Bucket" value={value} options={options} onChange={onChange} />;
}

function FolderChoice({ place, onChoose }: { place: Place; onChoose: (prefix: string) => void }) {
  const { data, isPending, error } = useQuery(listingQuery(place, BY_NAME));
  const folders = data?.folders ?? [];
  return (
    <ul className="folder-list" aria-label={`Folders in ${place.prefix || place.bucket}`}>
      {place.prefix !== '' && (
        <li>
          <Button icon={FolderUp} tone="quiet" onClick={() => onChoose(parentPrefix(place.prefix))}>
            {parentPrefix(place.prefix) || 'Root of the bucket'}
          </Button>
        </li>
      )}
      {folders.map((folder) => (
        <li key={folder.key}>
          <Button icon={Folder} tone="quiet" onClick={() => onChoose(folder.key)}>
            <bdi className="truncate">{folder.label || '(no name)'}</bdi>
          </Button>
        </li>
      ))}
      {folders.length === 0 && (
        <li className="muted small">
          {error?.message ?? (isPending ? 'Looking for folders…' : 'No folders in here.')}
        </li>
      )}
    </ul>
  );
}
