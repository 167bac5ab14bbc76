import { basePath, request } from './client';
import { encPath } from './path';
import { queryClient, sessionQuery } from './queries';
import type * as Api from './types';

const base = () => ({ 'x-aerostore-base': basePath() });

/** Sign in with a service key or the JWT of a user. */
export async function signIn(key: string): Promise<Api.Session> {
  const { session } = await request<{ session: Api.Session }>('api/session', {
    method: 'POST',
    json: { key },
    headers: base(),
  });
  queryClient.setQueryData(sessionQuery.queryKey, session);
  return session;
}

/** End the session on the server. What was read with it stays in this page until another one is loaded. */
export async function signOut(): Promise<void> {
  await request('api/session', { method: 'DELETE', headers: base() });
}

export async function revokeSession(id: string): Promise<void> {
  await request(`api/sessions/${encPath(id)}`, { method: 'DELETE' });
}

/** End every session but this one. Returns how many there were. */
export async function revokeOtherSessions(): Promise<number> {
  return (await request<{ revoked: number }>('api/sessions', { method: 'DELETE' })).revoked;
}

export async function createBucket(name: string, limits: Api.BucketLimits): Promise<void> {
  const question = { op: 'bucket.create', bucket: name };
  await request('storage/v1/bucket', { method: 'POST', json: { name, id: name, ...limits }, question });
}

export async function updateBucket(bucket: string, limits: Api.BucketLimits): Promise<void> {
  const question = { op: 'bucket.update', bucket };
  await request(`storage/v1/bucket/${encPath(bucket)}`, { method: 'PUT', json: limits, question });
}

export async function deleteBucket(bucket: string): Promise<void> {
  const question = { op: 'bucket.delete', bucket };
  await request(`storage/v1/bucket/${encPath(bucket)}`, { method: 'DELETE', question });
}

/** Start deleting every object of a bucket. */
export function emptyBucket(bucket: string): Promise<Api.Job> {
  return startFolderJob('delete', { bucket, prefix: '' });
}

export interface FolderRequest {
  bucket: string;
  prefix: string;
  to_bucket?: string;
  to_prefix?: string;
  conflict?: Api.Conflict;
}

export async function startFolderJob(operation: 'move' | 'copy' | 'delete', json: FolderRequest): Promise<Api.Job> {
  const question = { op: operation, bucket: json.bucket, name: json.prefix };
  return (await request<{ job: Api.Job }>(`api/prefix/${operation}`, { method: 'POST', json, question })).job;
}

export async function cancelJob(id: string): Promise<Api.Job> {
  return (await request<{ job: Api.Job }>(`api/jobs/${encPath(id)}/cancel`, { method: 'POST', json: {} })).job;
}

/** Compare what is stored with the database. Only with `apply` anything is removed. */
export async function startReclaim(apply: boolean): Promise<Api.Job> {
  return (await request<{ job: Api.Job }>('api/jobs/reclaim', { method: 'POST', json: { apply } })).job;
}

/** Read every stored byte and compare checksums. */
export async function startScrub(): Promise<Api.Job> {
  return (await request<{ job: Api.Job }>('api/jobs/scrub', { method: 'POST', json: {} })).job;
}

export function explain(json: Api.ExplainRequest, signal?: AbortSignal): Promise<Api.Explanation> {
  return request('api/policies/explain', { method: 'POST', json, ...(signal && { signal }) });
}
