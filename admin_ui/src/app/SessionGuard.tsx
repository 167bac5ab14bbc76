import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { onSessionEnd } from '../api/client';
import { queryClient, sessionQuery } from '../api/queries';
import type { Session } from '../api/types';

const SessionDialog = lazy(() => import('./SessionDialog').then((module) => ({ default: module.SessionDialog })));

/** Asks to sign in again when the session has ended, over the page as it is: nothing that was entered is lost. */
export function SessionGuard() {
  const [ended, setEnded] = useState(false);
  const { data: session } = useQuery(sessionQuery);
  const last = useRef<Session | null>(null);
  useEffect(() => onSessionEnd(() => setEnded(true)), []);
  useEffect(() => {
    if (session) last.current = session;
  }, [session]);

  const resume = (renewed: Session) => {
    const isSame = last.current?.role === renewed.role && last.current?.sub === renewed.sub;
    setEnded(false);
    void (isSame ? queryClient.invalidateQueries() : queryClient.resetQueries());
  };
  if (!ended && session !== null) return null;
  return (
    <Suspense>
      <SessionDialog onSignedIn={resume} />
    </Suspense>
  );
}
