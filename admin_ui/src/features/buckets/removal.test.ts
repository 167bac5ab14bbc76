import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { queryClient } from '../../api/queries';
import type { Job } from '../../api/types';
import { outcomeOf, removeWithContent } from './removal';

/** A server whose job runs until it is asked for as often as `looks` says, or is cancelled. */
class Server {
  readonly asked: string[] = [];
  state: Job['state'] = 'running';

  constructor(private looks: number) {}

  answer = (address: URL, { method = 'GET' }: RequestInit): Promise<Response> => {
    this.asked.push(`${method} ${new URL(address).pathname.replace('/admin/', '')}`);
    if (String(address).endsWith('/cancel')) this.state = 'cancelled';
    else if (method === 'GET' && --this.looks === 0) this.state = 'done';
    return Promise.resolve(Response.json({ job: { id: 'j', state: this.state, error: null } }));
  };
}

const serve = (looks: number) => {
  const server = new Server(looks);
  vi.stubGlobal('fetch', server.answer);
  return server;
};

const whyRefused = (removal: Promise<void>) =>
  removal.then(
    () => 'nothing was refused',
    ({ message }: Error) => message,
  );

beforeEach(() => {
  queryClient.clear();
  vi.useFakeTimers();
  vi.stubGlobal('document', { baseURI: 'http://host/admin/' });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a bucket is deleted when the job that empties it has done everything', async () => {
  const server = serve(2);
  const removed = removeWithContent('b', new AbortController().signal);
  await vi.runAllTimersAsync();
  await removed;
  expect(server.asked).toEqual([
    'POST api/prefix/delete',
    'GET api/jobs/j',
    'GET api/jobs/j',
    'DELETE storage/v1/bucket/b',
  ]);
});

test('to stop cancels the job once, and the bucket stays', async () => {
  const server = serve(9);
  const stop = new AbortController();
  const refusal = whyRefused(removeWithContent('b', stop.signal));
  await vi.advanceTimersByTimeAsync(700);
  stop.abort();
  await vi.runAllTimersAsync();
  expect(await refusal).toBe('The job was cancelled');
  expect(server.asked.filter((each) => !each.startsWith('GET'))).toEqual([
    'POST api/prefix/delete',
    'POST api/jobs/j/cancel',
  ]);
});

test('a stop that comes too late for the job still keeps the bucket', async () => {
  const server = serve(1);
  const stop = new AbortController();
  const refusal = whyRefused(removeWithContent('b', stop.signal));
  await vi.advanceTimersByTimeAsync(0);
  server.state = 'done';
  stop.abort();
  await vi.runAllTimersAsync();
  expect(await refusal).toBe('The bucket was empty before it could be stopped');
  expect(server.asked).not.toContain('DELETE storage/v1/bucket/b');
});

const JOB = { state: 'done', refused: 0, error: null } as Job;

test.each([
  [JOB, 'good', undefined],
  [{ ...JOB, refused: 2 }, 'danger', 'Policies refused to delete the rest.'],
  [{ ...JOB, state: 'cancelled' as const }, 'danger', 'The job was cancelled.'],
  [{ ...JOB, state: 'failed' as const, error: { message: 'Disk full', code: 'x', hint: null } }, 'danger', 'Disk full'],
])('%o is told as %s', (job, tone, detail) => {
  expect(outcomeOf('b', job)).toMatchObject({ tone, ...(detail && { detail }) });
});
