import { useBlocker } from '@tanstack/react-router';
import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import { useState, type ReactNode, type SubmitEvent } from 'react';
import { Button, IconButton, type Tone } from './Button';

interface DialogProps {
  title: ReactNode;
  description?: ReactNode;
  size?: 'normal' | 'wide';
  /** What it was about to do is under way: it stays, so that its outcome is told. */
  locked?: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog, open while it is rendered. Focus goes into it, and back to where it was. */
export function Dialog({ title, description, size = 'normal', locked = false, onClose, children }: DialogProps) {
  const [opener] = useState(focusedOpener);
  useStay(locked);
  const returnFocus = (event: Event) => {
    event.preventDefault();
    (opener?.isConnected ? opener : focusHome())?.focus();
  };
  return (
    <Radix.Root open onOpenChange={(open) => !open && !locked && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="dialog-overlay">
          <Radix.Content
            className="dialog"
            data-size={size}
            onOpenAutoFocus={focusInside}
            onCloseAutoFocus={returnFocus}
            {...(description ? {} : { 'aria-describedby': undefined })}
          >
            <div className="dialog-head">
              <Radix.Title className="dialog-title">{title}</Radix.Title>
              <Radix.Close asChild>
                <IconButton icon={X} label="Close" disabled={locked} />
              </Radix.Close>
            </div>
            <div className="stack">
              {description && <Radix.Description className="muted">{description}</Radix.Description>}
              {children}
            </div>
          </Radix.Content>
        </Radix.Overlay>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** Keep the reader on the page while something is under way: not even Back, or to close the tab, goes without a word. */
function useStay(locked: boolean): void {
  useBlocker({
    disabled: !locked,
    enableBeforeUnload: locked,
    // What was under way may itself lead to another page as it ends.
    shouldBlockFn: ({ action }) => action !== 'PUSH' && action !== 'REPLACE',
  });
}

/** Put the focus on the first field; without one on Cancel, the harmless one of the buttons below. */
function focusInside(event: Event): void {
  const dialog = event.target instanceof Element ? event.target : null;
  const first = dialog?.querySelector<HTMLElement>('input, select, textarea, .dialog-foot button');
  if (!first) return;
  event.preventDefault();
  first.focus();
}

/** Return where the focus goes when what opened a dialog has gone with it. A page may name it. */
function focusHome(): HTMLElement | null {
  return document.querySelector<HTMLElement>('[data-focus-home]') ?? document.getElementById('main');
}

/** Return what has the focus; for an item of a menu the button that opened the menu, as the item will be gone. */
function focusedOpener(): HTMLElement | null {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const labelledBy = focused?.closest('[role=menu]')?.getAttribute('aria-labelledby');
  return labelledBy ? document.getElementById(labelledBy) : focused;
}

interface FormDialogProps extends DialogProps {
  submitLabel: string;
  submitTone?: Tone;
  pending?: boolean;
  blocked?: boolean;
  onSubmit: () => void;
  /** Stop what is pending. */
  onStop?: () => void;
}

/** A dialog around one form. `blocked`: what was entered cannot be sent yet. It closes only when nothing is pending. */
export function FormDialog({ submitLabel, submitTone = 'primary', pending = false, blocked, ...rest }: FormDialogProps) {
  const { onSubmit, onStop, ...dialog } = rest;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!pending && !blocked) onSubmit();
  };
  return (
    <Dialog {...dialog} locked={pending}>
      <form className="stack" onSubmit={submit} noValidate>
        {rest.children}
        <div className="dialog-foot">
          {pending && onStop ? (
            <StopButton onStop={onStop} />
          ) : (
            <Button disabled={pending} onClick={rest.onClose}>
              Cancel
            </Button>
          )}
          <Button type="submit" tone={submitTone} busy={pending} disabled={blocked ?? false}>
            {pending ? 'Working…' : submitLabel}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function StopButton({ onStop }: { onStop: () => void }) {
  const [isStopping, setIsStopping] = useState(false);
  const stop = () => {
    setIsStopping(true);
    onStop();
  };
  return (
    <Button busy={isStopping} onClick={stop}>
      {isStopping ? 'Stopping…' : 'Stop'}
    </Button>
  );
}
