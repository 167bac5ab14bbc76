import { Link } from '@tanstack/react-router';
import { Pause, Play, RotateCw, X } from 'lucide-react';
import { formatBytes } from '../../lib/format';
import { labelOf, parentPrefix } from '../../lib/keys';
import { folderLink } from '../../lib/route';
import { IconButton } from '../../ui/Button';
import { Progress } from '../../ui/Progress';
import { WhyDenied } from '../../ui/WhyDenied';
import type { UploadQueue } from './queue';
import { hasEnded, isUnderWay, type UploadItem, type UploadState } from './upload';

const WORDS: Record<UploadState, string> = {
  waiting: 'Waiting',
  uploading: 'Uploading',
  verifying: 'Verifying',
  paused: 'Paused',
  conflict: 'This name is taken',
  skipped: 'Skipped: this name is taken',
  failed: 'Failed',
  done: 'Done',
};

interface UploadRowProps {
  queue: UploadQueue;
  item: UploadItem;
  startPx: number;
}

export function UploadRow({ queue, item, startPx }: UploadRowProps) {
  const { bucket, key, file, state, sentBytes } = item;
  const prefix = parentPrefix(key);
  const isDone = state === 'done';
  return (
    <li className="upload-row" data-state={state} style={{ transform: `translateY(${startPx}px)` }}>
      <div className="truncate">
        <bdi title={key}>{labelOf(key)}</bdi>{' '}
        <span className="muted small">
          in <Link {...folderLink(bucket, prefix)}>{prefix || bucket}</Link>
        </span>
      </div>
      <span className="end numeric small">{percent(item)}</span>
      <Buttons queue={queue} item={item} />
      <span className="upload-state small muted truncate" title={stateText(item)}>
        {stateText(item)}
      </span>
      <span className="numeric small muted end upload-size">{formatBytes(file.size)}</span>
      <Progress label={`Upload of ${labelOf(key)}`} done={isDone ? 1 : sentBytes} total={isDone ? 1 : file.size} />
    </li>
  );
}

function Buttons({ queue, item }: { queue: UploadQueue; item: UploadItem }) {
  const { id, state, error } = item;
  const label = labelOf(item.key);
  return (
    <span className="upload-buttons">
      {error && <WhyDenied error={error} compact />}
      {isUnderWay(item) && <IconButton icon={Pause} label={`Pause ${label}`} onClick={() => queue.pause(id)} />}
      {state === 'paused' && <IconButton icon={Play} label={`Resume ${label}`} onClick={() => queue.resume(id)} />}
      {state === 'failed' && item.canRetry && (
        <IconButton icon={RotateCw} label={`Retry ${label}`} onClick={() => queue.retry(id)} />
      )}
      <IconButton
        icon={X}
        label={hasEnded(item) ? `Take ${label} off the list` : `Cancel ${label}`}
        onClick={() => queue.cancel(id)}
      />
    </span>
  );
}

function stateText({ state, problem }: UploadItem): string {
  return problem ? `${WORDS[state]}: ${problem}` : WORDS[state];
}

/** 100 % is for what the server has stored. */
function percent({ state, sentBytes, file }: UploadItem): string {
  if (state === 'done') return '100 %';
  if (state === 'failed' || state === 'skipped' || file.size === 0) return '';
  return `${Math.min(99, Math.floor((sentBytes / file.size) * 100))} %`;
}
