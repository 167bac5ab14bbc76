import type { Session } from '../api/types';
import { SignInForm } from '../features/auth/SignInForm';
import { Dialog as Radix } from 'radix-ui';

/** A dialog that only signing in closes. */
export function SessionDialog({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
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
              <SignInForm onSignedIn={onSignedIn} />
            </div>
          </Radix.Content>
        </Radix.Overlay>
      </Radix.Portal>
    </Radix.Root>
  );
}
