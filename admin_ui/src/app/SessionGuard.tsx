import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState } from 'react';
import { onSessionEnd } from '../api/client';
import { queryClient, sessionQuery } from '../api/queries';
import type { Session } from '../api/types';
import { beginAnew } from './leaving';

const SessionDialog = lazy(() => import('./SessionDialog').then((module) => ({ default: module.SessionDialog })));

/** Asks to sign in again when the session has ended, over the page as it is: nothing that was entered is lost. */
export function SessionGuard() {
  const [ended, setEnded] = useState(false);
  const { data: session } = useQuery(sessionQuery);
  const [last, setLast] = useState<Session | null>(null);
  if (session && session !== last) setLast(session);
  useEffect(() => onSessionEnd(() => setEnded(true)), []);

  const resume = (renewed: Session) => {
    const isSame = last?.role === renewed.role && last.sub === renewed.sub;
    // Somebody else begins anew: uploads, drafts and what was cut are not theirs.
    if (last && !isSame) return beginAnew();
    setEnded(false);
    void queryClient.invalidateQueries();
  };
  if (!ended && session !== null) return null;
  return (
    <Suspense>
      <SessionDialog last={last} onSignedIn={resume} />
    </Suspense>
  );
}
