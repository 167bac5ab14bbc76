import { useQuery } from '@tanstack/react-query';
import { useState, useSyncExternalStore } from 'react';
import { configQuery } from '../../api/queries';
import { labelOf } from '../../lib/keys';
import { Notice } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { uploadSummary } from './activity';
import { forget, unfinishedIn } from './unfinished';

const NAMES_SHOWN = 3;
const summary = uploadSummary();

/** Says which uploads an earlier visit did not end, and how to go on with them. Silent while uploads are listed. */
export function UnfinishedNotice({ bucket }: { bucket: string }) {
  const { data: config } = useQuery(configQuery);
  const isUploading = useSyncExternalStore(summary.subscribe, summary.get) !== null;
  const [now] = useState(() => Date.now());
  const [, setForgotten] = useState(0);
  if (!config || isUploading) return null;
  const found = unfinishedIn(localStorage, bucket, now, config.upload.resumable_lifetime_s * 1000);
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
            forget(localStorage, found);
            setForgotten((count) => count + 1);
          }}
        >
          {found.length === 1 ? 'Forget it' : 'Forget them'}
        </Button>
      </div>
    </Notice>
  );
}
