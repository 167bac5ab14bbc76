import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { ScanSearch, ShieldCheck } from 'lucide-react';
import { startReclaim, startScrub } from '../../api/mutations';
import { jobsQuery, queryClient, useSession } from '../../api/queries';
import { JOB_KINDS, JOB_STATES, type Job } from '../../api/types';
import type { JobsSearch } from '../../lib/search';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { PageHead } from '../../ui/PageHead';
import { Skeleton } from '../../ui/Skeleton';
import { Table, type Column } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { toastError } from '../../ui/Toast';
import { durationOf, KIND_LABELS, progressOf, STATE_TONES, subjectOf } from './words';
import './jobs.css';

const route = getRouteApi('/signed-in/jobs');

export function JobsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/jobs' });
  const session = useSession();
  const change = (part: JobsSearch) =>
    void navigate({ search: (current) => ({ ...current, ...part }), replace: true });
  return (
    <>
      <PageHead title="Jobs">{session?.is_service && <StartButtons />}</PageHead>
      <div className="cluster">
        <Choice
          label="Kind"
          value={search.kind}
          options={JOB_KINDS.map((kind) => ({ value: kind, label: KIND_LABELS[kind] }))}
          onChange={(kind) => change({ kind })}
        />
        <Choice
          label="State"
          value={search.state}
          options={JOB_STATES.map((state) => ({ value: state, label: state }))}
          onChange={(state) => change({ state })}
        />
      </div>
      <JobList search={search} onClear={() => change({ kind: undefined, state: undefined })} />
    </>
  );
}

/** Both only look: nothing is removed or changed before the reader has seen the report. */
function StartButtons() {
  const navigate = useNavigate();
  const start = useMutation({
    mutationFn: (kind: 'reclaim' | 'scrub') => (kind === 'scrub' ? startScrub() : startReclaim(false)),
    onSuccess: (job) => {
      void queryClient.invalidateQueries({ queryKey: ['jobs'] });
      void navigate({ to: '/jobs/$id', params: { id: job.id } });
    },
    onError: (error) => toastError('The job was not started', error),
  });
  return (
    <>
      <Button icon={ScanSearch} busy={start.isPending} onClick={() => start.mutate('reclaim')}>
        Look for orphans
      </Button>
      <Button icon={ShieldCheck} busy={start.isPending} onClick={() => start.mutate('scrub')}>
        Check integrity
      </Button>
    </>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T | undefined;
  options: readonly { value: T; label: string }[];
  onChange: (value: T | undefined) => void;
}

function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <select
      className="input job-filter"
      aria-label={label}
      value={value ?? ''}
      onChange={(event) => onChange(options.find((option) => option.value === event.target.value)?.value)}
    >
      <option value="">{label}: all</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

function JobList({ search, onClear }: { search: JobsSearch; onClear: () => void }) {
  const list = useInfiniteQuery(jobsQuery(search));
  const jobs = list.data?.pages.flatMap((page) => page.jobs) ?? [];
  if (list.isError && !list.data) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />;
  if (list.isPending) return <Skeleton label="Loading jobs" />;
  if (jobs.length === 0 && (search.kind || search.state)) {
    return <EmptyState title="No match" action={<Button onClick={onClear}>Clear the filter</Button>} />;
  }
  if (jobs.length === 0) return <NoJobs />;
  return (
    <>
      <Table
        label="Jobs"
        columns={COLUMNS}
        rows={jobs}
        rowKey={(job) => job.id}
        complete={!list.hasNextPage}
      />
      {list.hasNextPage && (
        <div>
          <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Load older jobs
          </Button>
        </div>
      )}
    </>
  );
}

function NoJobs() {
  return (
    <EmptyState title="No jobs yet">
      <p>Moving, copying and deleting folders are jobs of the server: they go on when this page is closed.</p>
    </EmptyState>
  );
}

const COLUMNS: readonly Column<Job>[] = [
  {
    id: 'kind',
    header: 'Job',
    width: 'minmax(5.625rem, 10.625rem)',
    cell: (job) => (
      <Link to="/jobs/$id" params={{ id: job.id }}>
        {KIND_LABELS[job.kind] ?? job.kind}
      </Link>
    ),
  },
  {
    id: 'subject',
    header: 'What',
    width: 'minmax(5.625rem, 2fr)',
    wrap: true,
    cell: (job) => <bdi>{subjectOf(job)}</bdi>,
  },
  { id: 'state', header: 'State', width: '5.625rem', cell: (job) => <Badge tone={STATE_TONES[job.state]}>{job.state}</Badge> },
  { id: 'progress', header: 'Done', width: '11.25rem', wideOnly: true, align: 'end', cell: progressOf },
  {
    id: 'started',
    header: 'Started',
    width: '10.312rem',
    wideOnly: true,
    cell: (job) => <Time at={job.started_at ?? job.created_at} />,
  },
  {
    id: 'duration',
    header: 'Took',
    width: '5rem',
    wideOnly: true,
    align: 'end',
    cell: (job) => durationOf(job),
  },
  {
    id: 'actor',
    header: 'By',
    width: '7.5rem',
    wideOnly: true,
    cell: ({ actor }) => <span title={actor.sub ?? actor.role}>{actor.sub ?? actor.role}</span>,
  },
];
