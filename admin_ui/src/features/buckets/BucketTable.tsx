import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Ellipsis } from 'lucide-react';
import { bucketStatsQuery } from '../../api/queries';
import type { Bucket, BucketStats } from '../../api/types';
import { formatBytes, formatCount } from '../../lib/format';
import { folderLink } from '../../lib/route';
import { Badge } from '../../ui/Badge';
import { IconButton } from '../../ui/Button';
import { Menu } from '../../ui/Menu';
import { Table, type Column, type Sort } from '../../ui/Table';
import { Time } from '../../ui/Time';

export type Removal = { kind: 'empty' | 'delete'; bucket: string };

interface BucketTableProps {
  buckets: readonly Bucket[];
  complete: boolean;
  sort: Sort;
  onSort: (sort: Sort) => void;
  onRemove: (removal: Removal) => void;
}

export function BucketTable({ buckets, complete, sort, onSort, onRemove }: BucketTableProps) {
  const columns: readonly Column<Bucket>[] = [
    ...COLUMNS,
    {
      id: 'menu',
      header: 'Actions',
      headerHidden: true,
      width: '3.25rem',
      cell: (bucket) => <RowMenu bucket={bucket.id} onRemove={onRemove} />,
    },
  ];
  return (
    <Table
      label="Buckets"
      columns={columns}
      rows={buckets}
      rowKey={(bucket) => bucket.id}
      complete={complete}
      sort={sort}
      onSort={onSort}
    />
  );
}

const COLUMNS: readonly Column<Bucket>[] = [
  {
    id: 'name',
    header: 'Name',
    width: 'minmax(7.5rem, 2fr)',
    sortable: true,
    cell: ({ id }) => (
      <Link {...folderLink(id, '')} search={{}} title={id}>
        <bdi>{id}</bdi>
      </Link>
    ),
  },
  {
    id: 'public',
    header: 'Access',
    width: '5.75rem',
    cell: (bucket) => (bucket.public ? <Badge tone="warn">Public</Badge> : <Badge>Private</Badge>),
  },
  {
    id: 'objects',
    header: 'Objects',
    width: '6.875rem',
    align: 'end',
    wideOnly: true,
    cell: ({ id }) => <Stat bucket={id} show={({ objects }) => formatCount(objects)} />,
  },
  {
    id: 'bytes',
    header: 'Size',
    width: '6.25rem',
    align: 'end',
    wideOnly: true,
    cell: ({ id }) => <Stat bucket={id} show={({ size_bytes }) => formatBytes(size_bytes)} />,
  },
  {
    id: 'limit',
    header: 'Size limit',
    width: '6.25rem',
    align: 'end',
    wideOnly: true,
    cell: ({ file_size_limit }) => (file_size_limit === null ? '-' : formatBytes(file_size_limit)),
  },
  {
    id: 'types',
    header: 'Types',
    width: 'minmax(3.75rem, 1fr)',
    wideOnly: true,
    cell: ({ allowed_mime_types }) => (
      <span title={allowed_mime_types?.join(', ')}>{allowed_mime_types?.join(', ') ?? 'any'}</span>
    ),
  },
  {
    id: 'updated_at',
    header: 'Changed',
    width: '11.875rem',
    wideOnly: true,
    sortable: true,
    cell: ({ updated_at }) => <Time at={updated_at} />,
  },
];

function Stat({ bucket, show }: { bucket: string; show: (stats: BucketStats) => string }) {
  const { data, isPending } = useQuery(bucketStatsQuery(bucket));
  if (isPending) return <span className="muted">…</span>;
  if (!data) return <span className="muted">-</span>;
  return (
    <>
      {show(data)}
      {!data.complete && <span title="Counting stopped early: there is more">+</span>}
    </>
  );
}

function RowMenu({ bucket, onRemove }: { bucket: string; onRemove: (removal: Removal) => void }) {
  const navigate = useNavigate();
  return (
    <Menu
      trigger={<IconButton icon={Ellipsis} label={`Actions for ${bucket}`} />}
      groups={[
        [
          { label: 'Open', onSelect: () => void navigate({ ...folderLink(bucket, ''), search: {} }) },
          {
            label: 'Settings',
            onSelect: () => void navigate({ to: '/buckets/$bucket/-/settings', params: { bucket } }),
          },
        ],
        [
          { label: 'Empty…', tone: 'danger', onSelect: () => onRemove({ kind: 'empty', bucket }) },
          { label: 'Delete…', tone: 'danger', onSelect: () => onRemove({ kind: 'delete', bucket }) },
        ],
      ]}
    />
  );
}
