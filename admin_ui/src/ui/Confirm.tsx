import { useState, type ReactNode } from 'react';
import { FormDialog } from './Dialog';
import { TextField } from './Field';
import type { Tone } from './Button';

interface ConfirmProps {
  title: string;
  children: ReactNode;
  submitLabel: string;
  tone?: Tone;
  pending?: boolean;
  blocked?: boolean;
  error?: ReactNode;
  typed?: string;
  onConfirm: () => void;
  onStop?: () => void;
  onClose: () => void;
}

/**
 * Asks before something that cannot be taken back. `typed`: what the reader must type to go on. `blocked`: what it
 * would do is not known yet.
 */
export function Confirm({ title, children, submitLabel, tone = 'danger', typed, error, ...rest }: ConfirmProps) {
  const [text, setText] = useState('');
  return (
    <FormDialog
      title={title}
      submitLabel={submitLabel}
      submitTone={tone}
      pending={rest.pending ?? false}
      blocked={rest.blocked || (typed !== undefined && text !== typed)}
      onSubmit={rest.onConfirm}
      onClose={rest.onClose}
      {...(rest.onStop && { onStop: rest.onStop })}
    >
      {children}
      {typed !== undefined && (
        <TextField
          label={
            <>
              Type <bdi className="mono">{typed}</bdi> to go on
            </>
          }
          value={text}
          autoFocus
          onChange={(event) => setText(event.target.value)}
        />
      )}
      {error}
    </FormDialog>
  );
}
