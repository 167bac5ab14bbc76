import { getRouteApi } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { unescapeFolder } from '../lib/route';
import { Skeleton } from '../ui/Skeleton';

const load = () => import('./ExplorerRoute');
const ExplorerRoute = lazy(() => load().then((module) => ({ default: module.ExplorerRoute })));
// On a link to a folder the code comes while the session is asked for, not after it.
if (location.pathname.includes('/buckets/')) void load();

const route = getRouteApi('/signed-in/buckets/$bucket/$');

/** Hands what the address says to the explorer. A new bucket starts it anew; a new folder does not. */
export function ExplorerSlot() {
  const { bucket, _splat } = route.useParams();
  const prefix = unescapeFolder(_splat ?? '');
  const search = route.useSearch();
  return (
    <Suspense fallback={<Skeleton label="Loading the explorer" />}>
      <ExplorerRoute key={bucket} bucket={bucket} prefix={prefix} search={search} />
    </Suspense>
  );
}
