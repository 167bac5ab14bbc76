import { useQueries } from '@tanstack/react-query';
import { useState } from 'react';
import { countQuery } from '../../api/queries';
import type { Count } from '../../api/types';
import { formatBytes, formatCount, formatObjects } from '../../lib/format';
import type { FolderRow, Row } from '../../lib/listing';
import { FormDialog } from '../../ui/Dialog';
import { TextField } from '../../ui/Field';

const NAMES_SHOWN = 20;
const FOLDERS_COUNTED = 20;
const WORD = 'delete';

interface DeleteDialogProps {
  bucket: string;
  rows: readonly Row[];
  onConfirm: () => void;
  onClose: () => void;
}

/** Says what goes for good. A folder may hold more than anybody sees, so its deletion has to be typed. */
export function DeleteDialog({ bucket, rows, onConfirm, onClose }: DeleteDialogProps) {
  const folders = rows.filter((row): row is FolderRow => row.kind === 'folder' && !row.isPending);
  const [typed, setTyped] = useState('');
  const needsWord = folders.length > 0;
  const submit = () => {
    onClose();
    onConfirm();
  };
  return (
    <FormDialog
      title={titleOf(rows, bucket)}
      description="There is no trash: this cannot be undone."
      submitLabel="Delete for good"
      submitTone="danger"
      blocked={needsWord && typed.trim().toLowerCase() !== WORD}
      onSubmit={submit}
      onClose={onClose}
    >
      <Names rows={rows} bucket={bucket} />
      {needsWord && <FolderContents bucket={bucket} folders={folders} />}
      {needsWord && (
        <TextField
          label={`Type “${WORD}” to go on`}
          value={typed}
          autoFocus
          onChange={(event) => setTyped(event.target.value)}
        />
      )}
    </FormDialog>
  );
}

function titleOf(rows: readonly Row[], bucket: string): string {
  const [first] = rows;
  const one = first?.key === '' ? `everything in ${bucket}` : `“${first?.label}”`;
  if (rows.length === 1) return `Delete ${one}?`;
  return `Delete ${formatCount(rows.length)} items?`;
}

function Names({ rows, bucket }: { rows: readonly Row[]; bucket: string }) {
  return (
    <ul className="name-list">
      {rows.slice(0, NAMES_SHOWN).map((row) => (
        <li key={row.key}>
          <bdi>{row.key || `${bucket}/`}</bdi>
        </li>
      ))}
      {rows.length > NAMES_SHOWN && <li>and {formatCount(rows.length - NAMES_SHOWN)} more</li>}
    </ul>
  );
}

function FolderContents({ bucket, folders }: { bucket: string; folders: readonly FolderRow[] }) {
  const counted = folders.slice(0, FOLDERS_COUNTED);
  const counts = useQueries({ queries: counted.map((folder) => countQuery(bucket, folder.key)) });
  const known = counts.map(({ data }) => data).filter((count) => count !== undefined);
  const isExact = known.length === folders.length && known.every(({ complete }) => complete);
  const isCounting = counts.some(({ isPending }) => isPending);
  if (isCounting) return <p role="status">Counting what is in there…</p>;
  return <p role="status">{known.length > 0 ? `In there: ${sumOf(known, isExact)}.` : 'What is in there could not be counted.'}</p>;
}

function sumOf(counts: readonly Count[], isExact: boolean): string {
  const objects = counts.reduce((sum, count) => sum + count.objects, 0);
  const bytes = counts.reduce((sum, count) => sum + count.size_bytes, 0);
  return `${formatObjects(objects, isExact)}, ${formatBytes(bytes)}${isExact ? '' : ' or more'}`;
}
