import type { Session } from '../api/types';
import { SignInForm } from '../features/auth/SignInForm';
import { Dialog as Radix } from 'radix-ui';

interface SessionDialogProps {
  /** Who was signed in; null when that is not known. */
  last: Session | null;
  onSignedIn: (session: Session) => void;
}

/** A dialog that only signing in closes. It asks first for what the last session began with. */
export function SessionDialog({ last, onSignedIn }: SessionDialogProps) {
  return (
    <Radix.Root open>
      <Radix.Portal>
        <Radix.Overlay className="dialog-overlay session-overlay">
          <Radix.Content className="dialog">
            <div className="stack">
              <Radix.Title>Session ended</Radix.Title>
              <Radix.Description className="muted">
                Sign in to continue. The page stays as it is, and uploads wait.
              </Radix.Description>
              <SignInForm initial={last?.is_service === false ? 'jwt' : 'key'} onSignedIn={onSignedIn} />
            </div>
          </Radix.Content>
        </Radix.Overlay>
      </Radix.Portal>
    </Radix.Root>
  );
}
