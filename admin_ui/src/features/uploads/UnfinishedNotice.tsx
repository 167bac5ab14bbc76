import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { configQuery } from '../../api/queries';
import { labelOf } from '../../lib/keys';
import { Notice } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { uploadSummary } from './activity';
import { claimedNames } from './claim';
import { currentOwner } from './owner';
import { forget, type Unfinished, unfinishedOf, uploadStorage } from './unfinished';

const NAMES_SHOWN = 3;
const LOOK_AGAIN_MS = 2000;
const summary = uploadSummary();

/** Says which uploads an earlier visit did not end, and how to go on with them. Silent while uploads are listed. */
export function UnfinishedNotice({ bucket }: { bucket: string }) {
  const { data: config } = useQuery(configQuery);
  const isUploading = useSyncExternalStore(summary.subscribe, summary.get) !== null;
  if (!config || isUploading) return null;
  return <Found bucket={bucket} lifetimeMs={config.upload.resumable_lifetime_s * 1000} />;
}

function Found({ bucket, lifetimeMs }: { bucket: string; lifetimeMs: number }) {
  const [found, look] = useUnfinished(bucket, lifetimeMs);
  if (found.length === 0) return null;
  const names = found.slice(0, NAMES_SHOWN).map(({ key }) => labelOf(key));
  return (
    <Notice>
      <div className="cluster">
        <span className="grow">
          {found.length === 1 ? 'One upload was' : `${found.length} uploads were`} not finished: {names.join(', ')}
          {found.length > NAMES_SHOWN && ', …'}. Choose or drop the same files in the same folder to continue.
        </span>
        <Button
          onClick={() => {
            forget(found.map(({ storageKey }) => storageKey));
            look();
          }}
        >
          {found.length === 1 ? 'Forget it' : 'Forget them'}
        </Button>
      </div>
    </Notice>
  );
}

/** Return the unfinished uploads that no tab goes on with, and what looks for them again. */
function useUnfinished(bucket: string, lifetimeMs: number): [readonly Unfinished[], () => void] {
  const [found, setFound] = useState<readonly Unfinished[]>([]);
  const [isBusy, setIsBusy] = useState(false);
  const look = useCallback(() => {
    void looked(bucket, lifetimeMs).then(({ left, isBusyElsewhere }) => {
      setFound(left);
      setIsBusy(isBusyElsewhere);
    });
  }, [bucket, lifetimeMs]);
  useEffect(() => {
    look();
    window.addEventListener('storage', look);
    return () => window.removeEventListener('storage', look);
  }, [look]);
  useEffect(() => {
    const timer = isBusy ? setInterval(look, LOOK_AGAIN_MS) : undefined;
    return () => clearInterval(timer);
  }, [isBusy, look]);
  return [found, look];
}

async function looked(bucket: string, lifetimeMs: number): Promise<{ left: Unfinished[]; isBusyElsewhere: boolean }> {
  const storage = uploadStorage();
  const all = storage ? unfinishedOf(storage, currentOwner(), Date.now(), lifetimeMs) : [];
  const here = all.filter((each) => each.bucket === bucket);
  if (here.length === 0) return { left: [], isBusyElsewhere: false };
  const claimed = await claimedNames();
  const left = here.filter(({ fingerprint }) => !claimed.has(fingerprint));
  return { left, isBusyElsewhere: left.length < here.length };
}
