import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { auditQuery } from '../../api/queries';
import type { AuditEntry } from '../../api/types';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { SelectField } from '../../ui/Field';
import { Skeleton } from '../../ui/Skeleton';
import { Table, type Column } from '../../ui/Table';
import { Time } from '../../ui/Time';

/** The types of entries: `label` for all of a type, `happened` for one. */
const TYPES = [
  { value: '', label: 'Everything', happened: '', tone: 'default' },
  { value: 'session.created', label: 'Sign-ins', happened: 'Signed in', tone: 'default' },
  { value: 'session.refused', label: 'Refused sign-ins', happened: 'Sign-in refused', tone: 'warn' },
  { value: 'session.ended', label: 'Sign-outs', happened: 'Signed out', tone: 'default' },
  { value: 'session.revoked', label: 'Sessions ended by others', happened: 'Ended sessions', tone: 'default' },
  { value: 'job.started', label: 'Jobs started', happened: 'Job started', tone: 'default' },
  { value: 'job.cancelled', label: 'Jobs cancelled', happened: 'Job cancelled', tone: 'default' },
  { value: 'denial', label: 'Denials', happened: 'Denied', tone: 'danger' },
] as const;

type AuditType = (typeof TYPES)[number]['value'];

/** What happened that somebody may have to answer for, newest first. */
export function AuditPanel() {
  const [type, setType] = useState<AuditType>('');
  return (
    <div className="stack settings-panel">
      <div className="audit-filter">
        <SelectField label="Show" value={type} options={TYPES} onChange={setType} />
      </div>
      <Entries type={type} onClear={() => setType('')} />
    </div>
  );
}

function Entries({ type, onClear }: { type: AuditType; onClear: () => void }) {
  const list = useInfiniteQuery(auditQuery(type));
  const entries = list.data?.pages.flatMap((page) => page.entries) ?? [];
  if (list.isError && !list.data) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />;
  if (list.isPending) return <Skeleton label="Loading the audit log" />;
  if (entries.length === 0 && type) {
    return <EmptyState title="No match" action={<Button onClick={onClear}>Show everything</Button>} />;
  }
  if (entries.length === 0) return <EmptyState title="Nothing is recorded yet" />;
  return (
    <>
      <Table
        label="Audit log"
        columns={COLUMNS}
        rows={entries}
        rowKey={(entry) => entry.id}
        complete={!list.hasNextPage}
      />
      {list.hasNextPage && (
        <div>
          <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Load older entries
          </Button>
        </div>
      )}
    </>
  );
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  { id: 'at', header: 'When', width: 'minmax(5.25rem, 11.875rem)', cell: ({ at }) => <Time at={at} /> },
  { id: 'type', header: 'What', width: 'minmax(5.625rem, 12rem)', wrap: true, cell: (entry) => <What entry={entry} /> },
  {
    id: 'who',
    header: 'Who',
    width: 'minmax(5.25rem, 1fr)',
    wrap: true,
    cell: ({ role, sub }) => [role, sub].filter(Boolean).join(' ') || '-',
  },
  { id: 'address', header: 'Address', width: '7.5rem', wideOnly: true, cell: ({ address }) => address ?? '-' },
  {
    id: 'detail',
    header: 'Detail',
    width: 'minmax(7.5rem, 2fr)',
    wideOnly: true,
    wrap: true,
    cell: ({ detail }) => <code>{detailOf(detail)}</code>,
  },
];

function What({ entry: { type, role, sub, detail, explain } }: { entry: AuditEntry }) {
  const known = TYPES.find(({ value }) => value === type);
  const job = detail['job'];
  return (
    <span className="cluster">
      <Badge tone={known?.tone ?? 'default'}>{known?.happened ?? type}</Badge>
      {typeof job === 'string' && (
        <Link to="/jobs/$id" params={{ id: job }}>
          Open job
        </Link>
      )}
      {explain && (
        <Link to="/policies/simulator" search={{ ...explain, ...(role && { role }), ...(sub && { sub }) }}>
          Why denied?
        </Link>
      )}
    </span>
  );
}

function detailOf(detail: AuditEntry['detail']): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}
