import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import { useState, type ReactNode, type SubmitEvent } from 'react';
import { Button, IconButton, type Tone } from './Button';

interface DialogProps {
  title: ReactNode;
  description?: ReactNode;
  size?: 'normal' | 'wide';
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog, open while it is rendered. Focus goes into it, and back to where it was. */
export function Dialog({ title, description, size = 'normal', onClose, children }: DialogProps) {
  const [opener] = useState(focusedOpener);
  const returnFocus = (event: Event) => {
    event.preventDefault();
    (opener?.isConnected ? opener : document.getElementById('main'))?.focus();
  };
  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="dialog-overlay">
          <Radix.Content
            className="dialog"
            data-size={size}
            onCloseAutoFocus={returnFocus}
            {...(description ? {} : { 'aria-describedby': undefined })}
          >
            <div className="dialog-head">
              <Radix.Title className="dialog-title">{title}</Radix.Title>
              <Radix.Close asChild>
                <IconButton icon={X} label="Close" />
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
}

/** A dialog around one form. `blocked`: what was entered cannot be sent yet. */
export function FormDialog({ submitLabel, submitTone = 'primary', pending, blocked, onSubmit, ...rest }: FormDialogProps) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!pending && !blocked) onSubmit();
  };
  return (
    <Dialog {...rest}>
      <form className="stack" onSubmit={submit} noValidate>
        {rest.children}
        <div className="dialog-foot">
          <Button onClick={rest.onClose}>Cancel</Button>
          <Button type="submit" tone={submitTone} busy={pending ?? false} disabled={blocked ?? false}>
            {pending ? 'Working…' : submitLabel}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
