import { useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';

const EXPLORER = '/signed-in/buckets/$bucket/$';

const OngoingWork = lazy(() =>
  import('../features/explorer/OngoingWork').then((module) => ({ default: module.OngoingWork })),
);

/** What the explorer does goes on when its reader goes elsewhere, and is seen there too; so are its questions. */
export function Work() {
  const isThere = useRouterState({ select: ({ matches }) => matches.some(({ routeId }) => routeId === EXPLORER) });
  const [wasThere, setWasThere] = useState(isThere);
  if (isThere && !wasThere) setWasThere(true);
  return <Suspense>{wasThere && !isThere && <OngoingWork />}</Suspense>;
}
