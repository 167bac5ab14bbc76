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
  const { feed, connection, pause } = useFeed(useSettled(search), session?.id);
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
      <Rows feed={feed} who={useDeferredValue(who)} announces={announces} isService={session?.is_service ?? false} />
    </>
  );
}

const SETTLE_MS = 300;

/** Return the stream's filter once the reader has stopped typing: each change opens another stream. */
function useSettled({ bucket, type, denied }: EventsSearch) {
  const [settled, setSettled] = useState(bucket);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(bucket), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [bucket]);
  return { bucket: settled, type, denied };
}

interface FiltersProps {
  search: EventsSearch;
  onChange: (part: EventsSearch) => void;
}

function Filters({ search, onChange }: FiltersProps) {
  return (
    <>
      <input
        className="input filter"
        aria-label="Bucket"
        placeholder="Bucket"
        value={search.bucket ?? ''}
        onChange={(event) => onChange({ bucket: event.target.value || undefined })}
      />
      <select
        className="input filter"
        aria-label="Type of event"
        value={search.type ?? ''}
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
  announces: boolean;
  isService: boolean;
}

function Rows({ feed, who, announces, isService }: RowsProps) {
  const rows = matching(feed.rows, who);
  if (feed.rows.length === 0) {
    return (
      <EmptyState title="Nothing has happened yet">
        <p>Uploads, changes and deletions appear here as they happen{isService ? ', and so do denials.' : '.'}</p>
      </EmptyState>
    );
  }
  return (
    <>
      {feed.isFull && <p className="muted small">The newest 5,000 are kept here; older ones have left the page.</p>}
      {rows.length === 0 && <EmptyState title="No match among the events on this page" />}
      <EventLog rows={rows} announces={announces} isService={isService} />
    </>
  );
}
