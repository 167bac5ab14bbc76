import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Download } from 'lucide-react';
import { useState } from 'react';
import { addressOf } from '../../api/client';
import { startReclaim } from '../../api/mutations';
import { encPath } from '../../api/path';
import { jobReportQuery, queryClient, useSession } from '../../api/queries';
import type { Asked, Job, Report, ReportEntry } from '../../api/types';
import { formatBytes, formatCount } from '../../lib/format';
import { Badge, Notice } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Confirm } from '../../ui/Confirm';
import { FormError } from '../../ui/FormError';
import { Icon } from '../../ui/Icon';
import { QueryView } from '../../ui/QueryView';
import { Table, type Column } from '../../ui/Table';
import { Time } from '../../ui/Time';

/** What a job found, once it has ended. */
export function JobReport({ job }: { job: Job }) {
  const query = useQuery(jobReportQuery(job.id));
  const file = (format: 'json' | 'csv') => addressOf(`api/jobs/${encPath(job.id)}/report?format=${format}`);
  return (
    <section className="stack" aria-label="Report">
      <div className="cluster">
        <h2 className="grow">Report</h2>
        {(['csv', 'json'] as const).map((format) => (
          <a key={format} className="button" href={file(format)} download={`job-${job.id}.${format}`}>
            <Icon of={Download} />
            {format.toUpperCase()}
          </a>
        ))}
      </div>
      <QueryView query={query} loading="Loading the report">
        {(report) => <ReportView report={report} />}
      </QueryView>
    </section>
  );
}

function ReportView({ report }: { report: Report }) {
  const counters = Object.entries(report.counters).filter(([, value]) => value > 0);
  const { orphans = 0, orphans_removed: removed = 0 } = report.counters;
  return (
    <>
      {report.refused && <Notice tone="warn">Nothing was touched: {report.refused}</Notice>}
      {isApplied(report.job) && orphans > removed && (
        <Notice>
          {formatCount(orphans - removed)} of the orphans wait in quarantine: a run after the grace period removes them,
          if nothing points at them by then.
        </Notice>
      )}
      {counters.length > 0 && (
        <dl className="facts">
          {counters.map(([name, value]) => (
            <div key={name} className="facts-pair">
              <dt>{name.replaceAll('_', ' ')}</dt>
              <dd className="numeric">{name.split('_').includes('bytes') ? formatBytes(value) : formatCount(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      <ApplyOrphans report={report} />
      {report.entries.length > 0 ? (
        <Findings report={report} />
      ) : (
        <p role="status">
          {report.job.state === 'done'
            ? 'Nothing to report: everything was in order.'
            : 'There are no findings: the job ended before it was through.'}
        </p>
      )}
      {!report.complete && <p className="muted">Only the first {formatCount(report.entries.length)} are shown.</p>}
    </>
  );
}

/** After a dry run: the same again, this time for real, with what it will do in the words of the button. */
function ApplyOrphans({ report: { job, counters } }: { report: Report }) {
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const session = useSession();
  const orphans = counters['orphans'] ?? 0;
  const bytes = counters['orphan_bytes'] ?? 0;
  const apply = useMutation({
    mutationFn: () => startReclaim(true),
    onSuccess: (started) => {
      void queryClient.invalidateQueries({ queryKey: ['jobs'] });
      void navigate({ to: '/jobs/$id', params: { id: started.id } });
    },
  });
  const wasDryRun = job.kind === 'reclaim' && !isApplied(job) && job.state === 'done';
  if (!wasDryRun || orphans === 0 || !session?.is_service) return null;
  const what = `${formatCount(orphans)} ${orphans === 1 ? 'orphan' : 'orphans'} (${formatBytes(bytes)})`;
  return (
    <div>
      <Button tone="danger" onClick={() => setAsking(true)}>
        Apply to {what}…
      </Button>
      {asking && (
        <Confirm
          title="Clean up orphans"
          submitLabel={`Apply to ${what}`}
          pending={apply.isPending}
          error={<FormError error={apply.error} />}
          onConfirm={() => apply.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>
            Bytes that no object points at go into quarantine, and those that have been there for the grace period are
            removed for good. The server looks again first: what is in use by now stays.
          </p>
        </Confirm>
      )}
    </div>
  );
}

function isApplied({ kind, request }: Job): boolean {
  return kind === 'reclaim' && request['apply'] === true;
}

function keyOf({ kind, bucket, name, key, reason }: ReportEntry): string {
  return [kind, bucket, name, key, reason].join(' ');
}

function Findings({ report: { job, entries, complete } }: { report: Report }) {
  const isService = useSession()?.is_service === true;
  const reason: Column<ReportEntry> = {
    ...{ id: 'reason', header: 'Why', width: 'minmax(6.25rem, 2fr)', wrap: true },
    cell: (entry) => (
      <>
        {entry.reason} {isService && entry.explain && <WhyRefused explain={entry.explain} actor={job.actor} />}
      </>
    ),
  };
  return (
    <Table label="Findings" columns={[...COLUMNS, reason]} rows={entries} rowKey={keyOf} complete={complete} />
  );
}

/** A job does what it does as the one who started it. */
function WhyRefused({ explain, actor: { role, sub } }: { explain: Asked; actor: Job['actor'] }) {
  return (
    <Link to="/policies/simulator" search={{ ...explain, role, ...(sub && { sub }) }}>
      Why denied?
    </Link>
  );
}

const COLUMNS: readonly Column<ReportEntry>[] = [
  { id: 'kind', header: 'Finding', width: '6.25rem', cell: ({ kind }) => <Badge tone="warn">{kind}</Badge> },
  {
    id: 'what',
    header: 'Object or stored bytes',
    width: 'minmax(7.5rem, 2fr)',
    cell: ({ bucket, name, key }) => {
      const text = name === null ? (key ?? '-') : `${bucket ?? ''}/${name}`;
      return <bdi title={text}>{text}</bdi>;
    },
  },
  {
    id: 'size',
    header: 'Size',
    width: '5.625rem',
    align: 'end',
    wideOnly: true,
    cell: ({ size_bytes }) => (size_bytes === null ? '-' : formatBytes(size_bytes)),
  },
  { id: 'since', header: 'First seen', width: '11.875rem', wideOnly: true, cell: ({ since }) => <Time at={since} /> },
];
