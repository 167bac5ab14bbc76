import { useVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronUp, X } from 'lucide-react';
import { type RefObject, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useSession } from '../../api/queries';
import { folderOf } from '../../lib/route';
import { Button, IconButton } from '../../ui/Button';
import { Confirm } from '../../ui/Confirm';
import { ConflictDialog } from '../../ui/ConflictDialog';
import { WhenAlone } from '../../ui/WhenAlone';
import { textOf, uploadQueue } from './activity';
import { currentOwner } from './owner';
import type { QueueSnapshot, UploadQueue } from './queue';
import { UploadRow } from './UploadRow';
import { hasEnded, totalsOf, type UploadItem } from './upload';
import './uploads.css';

const ROW_PX = 64;
const ANNOUNCE_MS = 5000;
// A list stops the keys that it answers.
const SEEN_FIRST = { capture: true, passive: true };
const GOING_ON = ['pointerdown', 'keydown', 'wheel'] as const;

/** Every upload of this page, over whatever page is open. It appears with the first one. */
export function UploadPanel() {
  const [queue, setQueue] = useState<UploadQueue | null>(null);
  useEffect(() => {
    void uploadQueue().then(setQueue);
  }, []);
  return queue && <Panel queue={queue} />;
}

function Panel({ queue }: { queue: UploadQueue }) {
  const snapshot = useSyncExternalStore(queue.subscribe, queue.snapshot);
  const [shape, setShape] = useState<'open' | 'closed' | 'folded'>('open');
  const place = useRef<HTMLElement>(null);
  const isDone = snapshot.items.every(({ state }) => state === 'done' || state === 'skipped');
  const open = shape === 'open' || (shape === 'folded' && !isDone);
  useFoldWhenDone(place, isDone && shape === 'open', useCallback(() => setShape('folded'), []));
  useResumeAfterSignIn(queue);
  if (snapshot.items.length === 0) return null;
  return (
    <section ref={place} className="uploads" aria-label="Uploads">
      <Head queue={queue} snapshot={snapshot} open={open} onToggle={() => setShape(open ? 'closed' : 'open')} />
      {open && <List queue={queue} items={snapshot.items} />}
      <Announcement snapshot={snapshot} />
      <Conflict queue={queue} items={snapshot.items} />
    </section>
  );
}

/** A list in which everything went well makes room once its reader goes on with something else. */
function useFoldWhenDone(place: RefObject<HTMLElement | null>, isDone: boolean, fold: () => void): void {
  useEffect(() => {
    if (!isDone) return undefined;
    const look = ({ target }: Event) => {
      if (!place.current?.contains(target as Node)) fold();
    };
    for (const type of GOING_ON) document.addEventListener(type, look, SEEN_FIRST);
    return () => {
      for (const type of GOING_ON) document.removeEventListener(type, look, SEEN_FIRST);
    };
  }, [place, isDone, fold]);
}

function useResumeAfterSignIn(queue: UploadQueue): void {
  const id = useSession()?.id;
  useEffect(() => {
    if (id !== undefined) queue.resumeSession(currentOwner());
  }, [queue, id]);
}

interface HeadProps {
  queue: UploadQueue;
  snapshot: QueueSnapshot;
  open: boolean;
  onToggle: () => void;
}

function Head({ queue, snapshot, open, onToggle }: HeadProps) {
  const totals = totalsOf(snapshot.items);
  return (
    <div className="uploads-head">
      <strong className="grow truncate numeric">{textOf(snapshot) ?? 'Nothing to upload'}</strong>
      {totals.active > 0 && <Button onClick={() => queue.pauseAll()}>Pause all</Button>}
      {totals.active === 0 && totals.paused > 0 && <Button onClick={() => queue.resumeAll()}>Resume all</Button>}
      {totals.retryable > 0 && <Button onClick={() => queue.retryFailed()}>Retry failed</Button>}
      <CancelAll queue={queue} items={snapshot.items} />
      {totals.active === 0 && (
        <IconButton icon={X} label="Clear finished uploads" onClick={() => queue.clearFinished()} />
      )}
      <IconButton
        icon={open ? ChevronDown : ChevronUp}
        label={open ? 'Hide the list of uploads' : 'Show the list of uploads'}
        aria-expanded={open}
        onClick={onToggle}
      />
    </div>
  );
}

/** For many uploads that were a mistake. One alone has a button in its row. */
function CancelAll({ queue, items }: { queue: UploadQueue; items: readonly UploadItem[] }) {
  const [isAsking, setIsAsking] = useState(false);
  const left = items.filter((item) => !hasEnded(item)).length;
  if (left < 2) return null;
  const confirm = () => {
    setIsAsking(false);
    void queue.cancelAll();
  };
  return (
    <>
      <Button onClick={() => setIsAsking(true)}>Cancel all</Button>
      {isAsking && (
        <Confirm
          title={`Cancel ${left} uploads?`}
          submitLabel="Cancel uploads"
          onConfirm={confirm}
          onClose={() => setIsAsking(false)}
        >
          <p>What is stored already stays. What was sent of the others is dropped.</p>
        </Confirm>
      )}
    </>
  );
}

function List({ queue, items }: { queue: UploadQueue; items: readonly UploadItem[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 6,
  });
  return (
    <div ref={scroller} className="uploads-list">
      <ul className="uploads-body" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const item = items[index];
          return item && <UploadRow key={item.id} queue={queue} item={item} startPx={start} />;
        })}
      </ul>
    </div>
  );
}

/** Says how far the uploads are, for screen readers, and not more often than somebody can listen. */
function Announcement({ snapshot }: { snapshot: QueueSnapshot }) {
  const current = textOf(snapshot) ?? '';
  const latest = useRef(current);
  const [said, setSaid] = useState(current);
  useEffect(() => {
    latest.current = current;
  }, [current]);
  useEffect(() => {
    const timer = setInterval(() => setSaid(latest.current), ANNOUNCE_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {said && `Uploads: ${said}`}
    </div>
  );
}

function Conflict({ queue, items }: { queue: UploadQueue; items: readonly UploadItem[] }) {
  const item = items.find((each) => each.state === 'conflict');
  if (!item) return null;
  const folder = folderOf(item.key);
  const others = items.filter((each) => each.batch === item.batch && each.id !== item.id && each.resolution === null);
  return (
    <WhenAlone>
      <ConflictDialog
        key={item.id}
        name={item.key.slice(folder.length)}
        place={folder || item.bucket}
        others={others.filter((each) => each.state === 'waiting' || each.state === 'conflict').length}
        onAnswer={(answer, all) => queue.resolve(item, answer, all)}
        onClose={() => queue.resolve(item, 'skip', false)}
      />
    </WhenAlone>
  );
}
