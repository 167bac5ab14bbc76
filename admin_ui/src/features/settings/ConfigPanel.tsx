import { useState } from 'react';
import type { Setting } from '../../api/types';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { SearchInput } from '../../ui/Field';
import { Table, type Column } from '../../ui/Table';

/** The settings in force, and where each comes from. They are read when the server starts. */
export function ConfigPanel({ settings }: { settings: readonly Setting[] }) {
  const [filter, setFilter] = useState('');
  const wanted = filter.trim().toLowerCase();
  const found = settings.filter(({ name, variable }) => `${name} ${variable}`.toLowerCase().includes(wanted));
  return (
    <div className="stack settings-panel">
      <p className="muted">
        Read when the server started. To change one, set the variable and start the server again.
      </p>
      <SearchInput label="Filter settings" value={filter} onChange={setFilter} />
      {found.length > 0 ? (
        <Table label="Settings in force" columns={COLUMNS} rows={found} rowKey={(setting) => setting.variable} />
      ) : (
        <EmptyState title="No match" action={<Button onClick={() => setFilter('')}>Clear the filter</Button>} />
      )}
    </div>
  );
}

const COLUMNS: readonly Column<Setting>[] = [
  {
    id: 'variable',
    header: 'Variable',
    width: 'minmax(9.375rem, 2fr)',
    wrap: true,
    cell: ({ variable }) => <code>{variable}</code>,
  },
  { id: 'value', header: 'Value', width: 'minmax(7.5rem, 2fr)', wrap: true, cell: (setting) => shown(setting) },
  {
    id: 'source',
    header: 'From',
    width: '8.75rem',
    wideOnly: true,
    cell: ({ source }) => <Badge>{source}</Badge>,
  },
];

function shown({ value, is_secret }: Setting) {
  if (is_secret) return <span className="muted">secret, not shown</span>;
  if (value === null) return <span className="muted">not set</span>;
  if (Array.isArray(value)) return value.length > 0 ? value.join(', ') : <span className="muted">empty</span>;
  return String(value);
}
