import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { Pause, Play } from 'lucide-react';
import { useDeferredValue, useEffect, useState } from 'react';
import { useSession } from '../../api/queries';
import type { EventsSearch } from '../../lib/search';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { SearchInput } from '../../ui/Field';
import { PageHead } from '../../ui/PageHead';
import { Switch } from '../../ui/Switch';
import { useTyped } from '../../ui/useTyped';
import { ConnectionState } from './ConnectionState';
import { EventLog } from './EventLog';
import { matching, type Feed } from './feed';
import { useFeed } from './useFeed';
import './events.css';

const route = getRouteApi('/signed-in/events');

const TYPES = [
  { value: '', label: 'All types' },
  { value: 'ObjectCreated:', label: 'Created' },
  { value: 'ObjectUpdated:', label: 'Updated' },
  { value: 'ObjectRemoved:', label: 'Removed' },
];

export function EventsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/events' });
  const session = useSession();
  const { feed, connection, pause } = useFeed(search, session?.id);
  const [who, setWho] = useState('');
  const [announces, setAnnounces] = useState(false);
  const change = (part: EventsSearch) =>
    void navigate({ search: (current) => ({ ...current, ...part }), replace: true });
  const isPaused = search.paused ?? false;
  useEffect(() => pause(isPaused), [pause, isPaused]);
  return (
    <>
      <PageHead title="Events">
        <ConnectionState connection={connection} />
        <Button icon={isPaused ? Play : Pause} onClick={() => change({ paused: isPaused ? undefined : true })}>
          {isPaused ? `Resume (${feed.held.length} new)` : 'Pause'}
        </Button>
      </PageHead>
      <div className="cluster">
        <Filters search={search} onChange={change} />
        <SearchInput label="Name, role or subject" value={who} onChange={setWho} />
        {session?.is_service && (
          <Switch
            label="Denials only"
            checked={search.denied ?? false}
            onChange={(denied) => change({ denied: denied || undefined })}
          />
        )}
        <Switch label="Announce new events" checked={announces} onChange={setAnnounces} />
      </div>
      <Rows
        feed={feed}
        who={useDeferredValue(who)}
        isFiltered={Boolean(search.bucket ?? search.type ?? search.denied)}
        announces={announces}
        isService={session?.is_service ?? false}
      />
    </>
  );
}

interface FiltersProps {
  search: EventsSearch;
  onChange: (part: EventsSearch) => void;
}

function Filters({ search, onChange }: FiltersProps) {
  // Each bucket opens another stream, so not each letter is one.
  const [bucket, setBucket] = useTyped(search.bucket ?? '', (text) => onChange({ bucket: text || undefined }));
  return (
    <>
      <input
        className="input filter"
        aria-label="Bucket"
        placeholder="Bucket"
        value={bucket}
        onChange={(event) => setBucket(event.target.value)}
      />
      <select
        className="input filter"
        aria-label="Type of event"
        value={search.type ?? ''}
        disabled={search.denied ?? false}
        onChange={(event) => onChange({ type: event.target.value || undefined })}
      >
        {TYPES.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </>
  );
}

interface RowsProps {
  feed: Feed;
  who: string;
  isFiltered: boolean;
  announces: boolean;
  isService: boolean;
}

function Rows({ feed, who, isFiltered, announces, isService }: RowsProps) {
  const rows = matching(feed.rows, who);
  if (feed.rows.length === 0) return <NoRows feed={feed} isFiltered={isFiltered} isService={isService} />;
  return (
    <>
      {feed.isFull && <p className="muted small">The newest 5,000 are kept here; older ones have left the page.</p>}
      {rows.length === 0 && <EmptyState title="No match among the events on this page" />}
      <EventLog rows={rows} announces={announces} isService={isService} />
    </>
  );
}

function NoRows({ feed, isFiltered, isService }: Pick<RowsProps, 'feed' | 'isFiltered' | 'isService'>) {
  if (feed.isPaused) return <EmptyState title="Paused: what happens now is shown when you resume" />;
  return (
    <EmptyState title={isFiltered ? 'Nothing of this kind has happened yet' : 'Nothing has happened yet'}>
      <p>Uploads, changes and deletions appear here as they happen{isService ? ', and so do denials.' : '.'}</p>
    </EmptyState>
  );
}
