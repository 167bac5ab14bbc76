import type { ReactNode } from 'react';
import { useSession } from '../api/queries';
import { EmptyState } from './EmptyState';

/** Shows its content to service sessions, and the others what is missing. The server decides the same way. */
export function ServiceOnly({ what, children }: { what: string; children: ReactNode }) {
  const session = useSession();
  if (!session || session.is_service) return children;
  return (
    <EmptyState title="This page is for operators">
      <p>
        {what} can be seen with a service key only. You are signed in as {session.role}: sign out, and sign in with a
        service key.
      </p>
    </EmptyState>
  );
}
