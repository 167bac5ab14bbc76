import { useState } from 'react';
import { toApiError } from '../../api/error';
import { inSentences } from '../../lib/format';
import { labelProblem, stemLength } from '../../lib/keys';
import { parentOf, type Row } from '../../lib/listing';
import { FormDialog } from '../../ui/Dialog';
import { TextField } from '../../ui/Field';

const TAKEN = 'This name is taken. Choose another one.';

interface NameDialogProps {
  title: string;
  submitLabel: string;
  prefix: string;
  initial: string;
  hint: string;
  selectedLength: number;
  isTaken: (label: string) => boolean;
  onSubmit: (label: string) => Promise<void>;
  onClose: () => void;
}

/** Asks for a name in the folder `prefix`. What the server refuses is said at the field. */
function NameDialog({ prefix, initial, hint, selectedLength, isTaken, onSubmit, ...dialog }: NameDialogProps) {
  const [label, setLabel] = useState(initial);
  const [pending, setPending] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const problem = labelProblem(prefix, label) ?? (label !== initial && isTaken(label) ? TAKEN : null);
  const submit = () => {
    setPending(true);
    onSubmit(label).then(dialog.onClose, (error: unknown) => {
      setPending(false);
      setRefusal(sentenceOf(error));
    });
  };
  return (
    <FormDialog
      {...dialog}
      pending={pending}
      blocked={problem !== null || label === initial}
      onSubmit={submit}
    >
      <TextField
        label="Name"
        hint={hint}
        value={label}
        error={refusal ?? (label === initial ? null : problem)}
        autoFocus
        onFocus={(event) => event.target.setSelectionRange(0, selectedLength)}
        onChange={(event) => {
          setRefusal(null);
          setLabel(event.target.value);
        }}
      />
    </FormDialog>
  );
}

function sentenceOf(error: unknown): string {
  const { status, message, hint } = toApiError(error);
  if (status === 409) return TAKEN;
  return inSentences(message, hint);
}

interface RenameDialogProps {
  row: Row;
  isTaken: (label: string) => boolean;
  onSubmit: (label: string) => Promise<void>;
  onClose: () => void;
}

export function RenameDialog({ row, ...rest }: RenameDialogProps) {
  const isFolder = row.kind === 'folder';
  const { label } = row.kind === 'folder' ? row : { label: row.key.slice(parentOf(row).length) };
  return (
    <NameDialog
      title={`Rename ${isFolder ? 'folder' : 'object'}`}
      submitLabel="Rename"
      prefix={parentOf(row)}
      initial={label}
      hint={isFolder ? 'Every object in it gets a new name. Links to the old names end.' : 'Links to the old name end.'}
      selectedLength={isFolder ? label.length : stemLength(label)}
      {...rest}
    />
  );
}

interface NewFolderDialogProps {
  prefix: string;
  isTaken: (label: string) => boolean;
  onSubmit: (label: string) => Promise<void>;
  onClose: () => void;
}

export function NewFolderDialog(props: NewFolderDialogProps) {
  return (
    <NameDialog
      title="New folder"
      submitLabel="Create"
      initial=""
      hint="The folder is stored with the first object in it. Until then only this page knows it."
      selectedLength={0}
      {...props}
    />
  );
}
