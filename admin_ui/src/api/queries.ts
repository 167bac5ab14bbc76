import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions, useQuery } from '@tanstack/react-query';
import { batcher } from '../lib/batch';
import { request } from './client';
import { isTransient } from './error';
import { encPath, withQuery } from './path';
import type * as Api from './types';

const BUCKET_PAGE = 500;
const MAX_STATS = 50;
const ACTIVE_JOB_MS = 1_000;
const METRICS_MS = 15_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: (failures, error) => failures < 2 && isTransient(error), staleTime: 5_000 },
    mutations: { retry: false, networkMode: 'always' },
  },
});

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => (await request<{ session: Api.Session | null }>('api/session', { signal })).session,
  staleTime: 60_000,
});

/** Return who is signed in; null while that is not known. */
export function useSession(): Api.Session | null {
  return useQuery(sessionQuery).data ?? null;
}

export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: ({ signal }) => request<Api.Config>('api/config', { signal }),
  staleTime: 300_000,
});

/** The libraries that this page is built of; the build writes the file. */
export const licencesQuery = queryOptions({
  queryKey: ['licences'],
  queryFn: ({ signal }) => request<Api.PageLibrary[]>('licences.json', { signal }),
  staleTime: Infinity,
});

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: async ({ signal }) => (await request<{ sessions: Api.Session[] }>('api/sessions', { signal })).sessions,
});

export interface BucketOrder {
  search: string;
  sortColumn: 'name' | 'created_at' | 'updated_at';
  sortOrder: 'asc' | 'desc';
}

/** Buckets page by page, filtered and sorted by the server. */
export function bucketsQuery(order: BucketOrder) {
  return infiniteQueryOptions({
    queryKey: ['buckets', order],
    queryFn: ({ pageParam, signal }) =>
      request<Api.Bucket[]>(withQuery('storage/v1/bucket', { ...order, limit: BUCKET_PAGE, offset: pageParam }), {
        signal,
      }),
    initialPageParam: 0,
    getNextPageParam: (page, _pages, offset) => (page.length < BUCKET_PAGE ? undefined : offset + BUCKET_PAGE),
    placeholderData: keepPreviousData,
  });
}

export function bucketQuery(bucket: string) {
  return queryOptions({
    queryKey: ['bucket', bucket],
    queryFn: ({ signal }) =>
      request<Api.Bucket>(`storage/v1/bucket/${encPath(bucket)}`, { signal, question: { op: 'bucket.get', bucket } }),
  });
}

const loadStats = batcher(MAX_STATS, async (ids: readonly string[]) => {
  const search = new URLSearchParams(ids.map((id) => ['bucket', id]));
  const { buckets } = await request<{ buckets: Api.BucketStats[] }>(`api/buckets/stats?${search}`);
  return new Map(buckets.map((stats) => [stats.id, stats]));
});

/** How much is in a bucket; questions that come together are sent together. Null when it is not to be seen. */
export function bucketStatsQuery(bucket: string) {
  return queryOptions({
    queryKey: ['bucket-stats', bucket],
    queryFn: async () => (await loadStats(bucket)) ?? null,
    staleTime: 30_000,
  });
}

export function countQuery(bucket: string, prefix: string) {
  return queryOptions({
    queryKey: ['count', bucket, prefix],
    queryFn: ({ signal }) => request<Api.Count>(withQuery('api/objects/count', { bucket, prefix }), { signal }),
  });
}

export const policiesQuery = queryOptions({
  queryKey: ['policies'],
  queryFn: async ({ signal }) => (await request<{ policies: Api.Policy[] }>('api/policies', { signal })).policies,
});

/** What each role may do in at most 20 buckets. */
export function coverageQuery(buckets: readonly string[]) {
  const search = new URLSearchParams(buckets.map((bucket) => ['bucket', bucket]));
  return queryOptions({
    queryKey: ['coverage', buckets],
    queryFn: ({ signal }) => request<Api.Coverage>(`api/policies/coverage?${search}`, { signal }),
    enabled: buckets.length > 0,
  });
}

export interface JobFilter {
  kind?: Api.JobKind | undefined;
  state?: Api.JobState | undefined;
}

export function jobsQuery(filter: JobFilter) {
  return infiniteQueryOptions({
    queryKey: ['jobs', filter],
    queryFn: ({ pageParam, signal }) =>
      request<{ jobs: Api.Job[]; cursor: string | null }>(withQuery('api/jobs', { ...filter, cursor: pageParam }), {
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor ?? undefined,
    placeholderData: keepPreviousData,
    // Each page is a request of its own.
    refetchInterval: ({ state: { data } }) =>
      data?.pages.some((page) => page.jobs.some(isActive)) ? ACTIVE_JOB_MS * data.pages.length : false,
  });
}

export function isActive(job: Api.Job): boolean {
  return job.state === 'pending' || job.state === 'running';
}

/** One job, asked for again each second until it has ended. */
export function jobQuery(id: string) {
  return queryOptions({
    queryKey: ['job', id],
    queryFn: async ({ signal }) => (await request<{ job: Api.Job }>(`api/jobs/${encPath(id)}`, { signal })).job,
    refetchInterval: ({ state }) => (state.data && isActive(state.data) ? ACTIVE_JOB_MS : false),
  });
}

export function jobReportQuery(id: string) {
  return queryOptions({
    queryKey: ['job-report', id],
    queryFn: ({ signal }) => request<Api.Report>(`api/jobs/${encPath(id)}/report?format=json`, { signal }),
  });
}

export function metricsQuery(range: Api.MetricRange) {
  return queryOptions({
    queryKey: ['metrics', range],
    queryFn: ({ signal }) => request<Api.MetricsRange>(`api/metrics/range?range=${range}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: METRICS_MS,
  });
}

export function auditQuery(type: string) {
  return infiniteQueryOptions({
    queryKey: ['audit', type],
    queryFn: ({ pageParam, signal }) =>
      request<{ entries: Api.AuditEntry[]; cursor: string | null }>(
        withQuery('api/audit', { type, cursor: pageParam }),
        { signal },
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}
