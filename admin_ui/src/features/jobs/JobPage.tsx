import { useMutation, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { CircleStop } from 'lucide-react';
import { isMissing } from '../../api/error';
import { cancelJob } from '../../api/mutations';
import { isActive, jobQuery, queryClient } from '../../api/queries';
import type { Job } from '../../api/types';
import { formatCount } from '../../lib/format';
import { Badge, Notice } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Confirm } from '../../ui/Confirm';
import { EmptyState } from '../../ui/EmptyState';
import { FormError } from '../../ui/FormError';
import { PageHead } from '../../ui/PageHead';
import { Progress } from '../../ui/Progress';
import { QueryView } from '../../ui/QueryView';
import { Time } from '../../ui/Time';
import { useState, type ReactNode } from 'react';
import { JobReport } from './JobReport';
import { durationOf, KIND_LABELS, progressOf, STATE_TONES, subjectOf } from './words';
import './jobs.css';

const route = getRouteApi('/signed-in/jobs/$id');

export function JobPage() {
  const { id } = route.useParams();
  const query = useQuery(jobQuery(id));
  if (isMissing(query.error)) return <NoSuchJob />;
  return (
    <QueryView query={query} loading="Loading the job">
      {(job) => (
        <>
          <PageHead title={KIND_LABELS[job.kind] ?? job.kind}>
            <span role="status">
              <Badge tone={STATE_TONES[job.state]}>{job.is_cancelling ? 'stopping' : job.state}</Badge>
            </span>
            {isActive(job) && !job.is_cancelling && <CancelButton id={job.id} />}
            <Link className="button" to="/jobs" search={{}}>
              All jobs
            </Link>
          </PageHead>
          <JobFacts job={job} />
          {!isActive(job) && <JobReport job={job} />}
        </>
      )}
    </QueryView>
  );
}

function NoSuchJob() {
  return (
    <>
      <PageHead title="No such job" />
      <EmptyState
        title="There is no job with this id."
        action={
          <Link className="button" to="/jobs" search={{}}>
            All jobs
          </Link>
        }
      >
        <p>Old jobs are not kept for ever, and only those who started a job, and operators, can see it.</p>
      </EmptyState>
    </>
  );
}

function CancelButton({ id }: { id: string }) {
  const [asking, setAsking] = useState(false);
  const cancel = useMutation({
    mutationFn: () => cancelJob(id),
    onSuccess: (job) => {
      queryClient.setQueryData(jobQuery(id).queryKey, job);
      setAsking(false);
    },
  });
  return (
    <>
      <Button icon={CircleStop} onClick={() => setAsking(true)}>
        Stop job…
      </Button>
      {asking && (
        <Confirm
          title="Stop this job?"
          submitLabel="Stop the job"
          pending={cancel.isPending}
          error={<FormError error={cancel.error} />}
          onConfirm={() => cancel.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>What is done stays done; the rest stays as it is.</p>
        </Confirm>
      )}
    </>
  );
}

function JobFacts({ job }: { job: Job }) {
  return (
    <section className="card" aria-label="Progress">
      {job.error && <JobFailure error={job.error} />}
      <Progress label="Progress" done={job.state === 'done' ? 1 : job.done} total={job.state === 'done' ? 1 : job.total} />
      <dl className="facts">
        <Fact title="What">
          <bdi>{subjectOf(job)}</bdi>
        </Fact>
        <Fact title="Done">{progressOf(job)}</Fact>
        {job.skipped > 0 && <Fact title="Left out, names were taken">{formatCount(job.skipped)}</Fact>}
        {job.refused > 0 && <Fact title="Refused by policies">{formatCount(job.refused)}</Fact>}
        <Fact title="Started">
          <Time at={job.started_at} />
        </Fact>
        <Fact title={isActive(job) ? 'Runs for' : 'Took'}>{durationOf(job)}</Fact>
        <Fact title="Started by">
          {job.actor.role} {job.actor.sub && <bdi className="mono">{job.actor.sub}</bdi>}
        </Fact>
        <Fact title="ID">
          <span className="mono">{job.id}</span>
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </>
  );
}

function JobFailure({ error }: { error: NonNullable<Job['error']> }) {
  return (
    <Notice tone="danger">
      <p>{error.message}</p>
      {error.hint && <p className="small">{error.hint}</p>}
      <p className="small mono">{error.code}</p>
    </Notice>
  );
}
