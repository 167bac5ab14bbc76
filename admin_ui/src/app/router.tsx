import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { basePath } from '../api/client';
import { queryClient, sessionQuery } from '../api/queries';
import * as search from '../lib/search';
import { LoneError, NotFoundPage, RouteError } from './RouteError';
import { Shell } from './Shell';

const loadExplorer = () => import('./ExplorerRoute');
// First of all, before the code of a page takes the few connections that a browser opens.
void queryClient.prefetchQuery(sessionQuery);
// On a link to a folder the code comes while the session is asked for, not after it.
if (location.pathname.includes('/buckets/')) void loadExplorer();

const root = createRootRoute({ component: Outlet, errorComponent: LoneError, notFoundComponent: NotFoundPage });

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: search.loginSearch,
  component: lazyRouteComponent(() => import('../features/auth/LoginPage'), 'LoginPage'),
});

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  component: Shell,
  beforeLoad: async ({ location, cause }) => {
    if (await queryClient.ensureQueryData(sessionQuery)) return;
    const way = location.href === '/' ? {} : { next: location.href };
    // A page that somebody has used knows more than whoever signs in next may: another one takes its place.
    throw redirect({ to: '/login', search: way, reloadDocument: cause === 'stay' });
  },
});

const page = { getParentRoute: () => signedIn, errorComponent: RouteError } as const;

const buckets = createRoute({
  ...page,
  path: '/',
  validateSearch: search.bucketsSearch,
  component: lazyRouteComponent(() => import('../features/buckets/BucketsPage'), 'BucketsPage'),
});

const bucketSettings = createRoute({
  ...page,
  path: '/buckets/$bucket/-/settings',
  component: lazyRouteComponent(() => import('../features/buckets/BucketSettingsPage'), 'BucketSettingsPage'),
});

const bucketPolicies = createRoute({
  ...page,
  path: '/buckets/$bucket/-/policies',
  component: lazyRouteComponent(() => import('../features/policies/BucketPoliciesPage'), 'BucketPoliciesPage'),
});

const explorer = createRoute({
  ...page,
  path: '/buckets/$bucket/$',
  validateSearch: search.explorerSearch,
  // Not a lazy component of React: that would show its place empty for 300 ms, however soon the code is there.
  component: lazyRouteComponent(loadExplorer, 'ExplorerRoute'),
});

const policies = createRoute({
  ...page,
  path: '/policies',
  validateSearch: search.policiesSearch,
  component: lazyRouteComponent(() => import('../features/policies/PoliciesPage'), 'PoliciesPage'),
});

const simulator = createRoute({
  ...page,
  path: '/policies/simulator',
  validateSearch: search.simulatorSearch,
  component: lazyRouteComponent(() => import('../features/policies/SimulatorPage'), 'SimulatorPage'),
});

const events = createRoute({
  ...page,
  path: '/events',
  validateSearch: search.eventsSearch,
  component: lazyRouteComponent(() => import('../features/events/EventsPage'), 'EventsPage'),
});

const jobs = createRoute({
  ...page,
  path: '/jobs',
  validateSearch: search.jobsSearch,
  component: lazyRouteComponent(() => import('../features/jobs/JobsPage'), 'JobsPage'),
});

const job = createRoute({
  ...page,
  path: '/jobs/$id',
  component: lazyRouteComponent(() => import('../features/jobs/JobPage'), 'JobPage'),
});

const metrics = createRoute({
  ...page,
  path: '/metrics',
  validateSearch: search.metricsSearch,
  component: lazyRouteComponent(() => import('../features/metrics/MetricsPage'), 'MetricsPage'),
});

const settings = createRoute({
  ...page,
  path: '/settings',
  validateSearch: search.settingsSearch,
  component: lazyRouteComponent(() => import('../features/settings/SettingsPage'), 'SettingsPage'),
});

const routeTree = root.addChildren([
  login,
  signedIn.addChildren([
    buckets,
    bucketSettings,
    bucketPolicies,
    explorer,
    policies,
    simulator,
    events,
    jobs,
    job,
    metrics,
    settings,
  ]),
]);

/** Build the router of the page. Its addresses are below wherever `/admin/` is. */
export function buildRouter() {
  return createRouter({
    routeTree,
    basepath: basePath(),
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 150,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof buildRouter>;
  }
}
