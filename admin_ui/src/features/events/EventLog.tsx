import { useVirtualizer } from '@tanstack/react-virtual';
import { Link } from '@tanstack/react-router';
import { ChevronDown, ChevronRight } from 'lucide-react';
import { useRef, useState } from 'react';
import type { DenialEvent, ObjectEvent } from '../../api/types';
import { formatBytes } from '../../lib/format';
import { folderLink, folderOf } from '../../lib/route';
import { Badge } from '../../ui/Badge';
import { IconButton } from '../../ui/Button';
import { Time } from '../../ui/Time';
import type { Entry } from './feed';

interface EventLogProps {
  rows: readonly Entry[];
  announces: boolean;
  isService: boolean;
}

const ROW_PX = 37;

/** The events, newest first. Only those near the view are in the page. */
export function EventLog({ rows, announces, isService }: EventLogProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [open, toggle] = useToggledKeys();
  const [isAtTop, setIsAtTop] = useState(true);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 12,
    // Who reads further down is not pushed away from it by what is new.
    anchorTo: isAtTop ? 'start' : 'end',
  });
  const drawn = virtual.getVirtualItems().flatMap(({ index, start }) => {
    const entry = rows[index];
    return entry ? [{ entry, index, start }] : [];
  });
  return (
    <div
      ref={scroller}
      className="event-log"
      role="log"
      aria-label="Events"
      aria-live={announces ? 'polite' : 'off'}
      tabIndex={0}
      onScroll={(event) => setIsAtTop(event.currentTarget.scrollTop <= 0)}
    >
      <div className="event-rows" style={{ height: virtual.getTotalSize() }}>
        {drawn.map(({ entry, index, start }) => (
          <div
            key={entry.key}
            ref={virtual.measureElement}
            data-index={index}
            className="event-row"
            style={{ transform: `translateY(${start}px)` }}
          >
            <EventRow entry={entry} isOpen={open.has(entry.key)} onToggle={toggle} isService={isService} />
          </div>
        ))}
      </div>
    </div>
  );
}

function useToggledKeys(): [ReadonlySet<string>, (key: string) => void] {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string) =>
    setKeys((current) => {
      const next = new Set(current);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  return [keys, toggle];
}

interface EventRowProps {
  entry: Entry;
  isOpen: boolean;
  isService: boolean;
  onToggle: (key: string) => void;
}

function EventRow({ entry, isOpen, isService, onToggle }: EventRowProps) {
  if (entry.kind === 'gap') {
    return <p className="event-gap">Some events are missing here: they are not kept any more, or were too many.</p>;
  }
  return (
    <>
      <div className="event-line">
        <IconButton
          icon={isOpen ? ChevronDown : ChevronRight}
          label={isOpen ? 'Hide the details' : 'Show the details'}
          aria-expanded={isOpen}
          onClick={() => onToggle(entry.key)}
        />
        <Time at={entry.at} exact />
        {entry.kind === 'object' ? (
          <ObjectLine event={entry.event} />
        ) : (
          <DenialLine event={entry.event} isService={isService} />
        )}
      </div>
      {isOpen && <pre className="event-json">{JSON.stringify(entry.event, null, 2)}</pre>}
    </>
  );
}

function ObjectLine({ event }: { event: ObjectEvent }) {
  const isRemoved = event.type.startsWith('ObjectRemoved:');
  return (
    <>
      <Badge tone={isRemoved ? 'warn' : 'good'}>{event.type}</Badge>
      <span className="grow truncate" title={`${event.bucket}/${event.name}`}>
        <Link
          {...folderLink(event.bucket, folderOf(event.name))}
          search={isRemoved ? {} : { preview: event.name }}
        >
          <bdi>
            {event.bucket}/{event.name}
          </bdi>
        </Link>
      </span>
      {event.size_bytes !== null && <span className="muted small numeric">{formatBytes(event.size_bytes)}</span>}
      {event.actor && <Actor {...event.actor} />}
    </>
  );
}

function DenialLine({ event, isService }: { event: DenialEvent; isService: boolean }) {
  const { bucket, name, role, sub, explain } = event;
  return (
    <>
      <Badge tone="danger">denied</Badge>
      <span className="grow truncate" title={`${event.operation} ${bucket}/${name}`}>
        <bdi>
          {event.operation} {bucket}
          {name && `/${name}`}
        </bdi>
      </span>
      <Actor role={role} sub={sub} />
      {isService && explain && (
        <Link to="/policies/simulator" search={{ ...explain, role, ...(sub && { sub }) }}>
          Why denied?
        </Link>
      )}
    </>
  );
}

function Actor({ role, sub }: { role: string; sub: string | null }) {
  return (
    <span className="muted small truncate event-actor" title={sub ?? role}>
      {role}
      {sub && <bdi> {sub}</bdi>}
    </span>
  );
}
