import { Link } from '@tanstack/react-router';
import { X } from 'lucide-react';
import { useEffect } from 'react';
import { isMissing } from '../../api/error';
import { cancelJob } from '../../api/mutations';
import { isActive, queryClient } from '../../api/queries';
import type { Job } from '../../api/types';
import { formatCount, inSentences } from '../../lib/format';
import { Button, IconButton } from '../../ui/Button';
import { Progress } from '../../ui/Progress';
import { toast, toastError } from '../../ui/Toast';
import {
  type Activity,
  activities,
  cancelPageActivity,
  continueJob,
  dropActivity,
  useJob,
  type WayOn,
  waysOn,
} from './activities';
import { useStore } from './store';

/** Work that is under way, or that ended in another way than it should have. */
export function ActivityRows() {
  return useStore(activities).map((activity) =>
    activity.kind === 'page' ? (
      <PageRow key={activity.id} {...activity} />
    ) : (
      <JobRow key={activity.id} {...activity} />
    ),
  );
}

function PageRow({ id, label, done, total, isCancelled }: Extract<Activity, { kind: 'page' }>) {
  return (
    <div className="activity">
      <span className="truncate">
        {label}: {formatCount(done)} of {formatCount(total)}
      </span>
      <Button disabled={isCancelled} onClick={() => cancelPageActivity(id)}>
        {isCancelled ? 'Stopping…' : 'Stop'}
      </Button>
      <Progress label={label} done={done} total={total} />
    </div>
  );
}

function JobRow(activity: Extract<Activity, { kind: 'job' }>) {
  const { id, label } = activity;
  const { job, error } = useJob(id);
  const isClean = job?.state === 'done' && job.skipped === 0 && job.refused === 0;
  useEffect(() => {
    if (!isClean) return;
    dropActivity(id);
    toast({ tone: 'good', title: `${label}: done` });
  }, [isClean, id, label]);
  if (isClean) return null;
  const isLost = error !== null && (!job || isMissing(error));
  const isOver = isLost || (job !== undefined && !isActive(job));
  return (
    <div className="activity" data-state={job?.state}>
      <span>
        {label}: {isLost ? `it is not known how far it is. ${error.message}` : wordsOf(job)}{' '}
        <Link to="/jobs/$id" params={{ id }}>
          Details
        </Link>
      </span>
      {isOver ? (
        <span className="cluster">
          {job && <WaysOn activity={activity} job={job} />}
          <IconButton icon={X} label="Take this off the list" onClick={() => dropActivity(id)} />
        </span>
      ) : (
        <Button disabled={job?.is_cancelling ?? false} onClick={() => void cancel(id)}>
          {job?.is_cancelling ? 'Stopping…' : 'Stop'}
        </Button>
      )}
      <Progress label={label} done={job?.done ?? 0} total={job?.total ?? null} />
    </div>
  );
}

function wordsOf(job: Job | undefined): string {
  if (!job) return 'starting';
  const done = `${formatCount(job.done)}${job.total === null ? '' : ` of ${formatCount(job.total)}`} objects`;
  const left = [
    job.skipped > 0 && `${formatCount(job.skipped)} skipped`,
    job.refused > 0 && `${formatCount(job.refused)} refused by policies`,
    job.error && inSentences(job.error.message, job.error.hint),
  ];
  return [job.state === 'running' ? done : `${job.state}, ${done}`, ...left].filter(Boolean).join(' · ');
}

function WaysOn({ activity, job }: { activity: Extract<Activity, { kind: 'job' }>; job: Job }) {
  const goOn = (way: WayOn) =>
    continueJob(activity, job, way).catch((error: unknown) => toastError('The job was not continued', error));
  return waysOn(job).map((way) => (
    <Button key={way.label} onClick={() => void goOn(way)}>
      {way.label}
    </Button>
  ));
}

async function cancel(id: string): Promise<void> {
  await cancelJob(id).catch((error: unknown) => toastError('The job was not stopped', error));
  await queryClient.invalidateQueries({ queryKey: ['job', id] });
}
