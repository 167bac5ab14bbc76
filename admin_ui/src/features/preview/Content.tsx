import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { contentAddress, readBytes } from '../../api/objects';
import type { ObjectInfo } from '../../api/types';
import { formatBytes } from '../../lib/format';
import { labelOf } from '../../lib/keys';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { ErrorState } from '../../ui/ErrorState';
import { Skeleton } from '../../ui/Skeleton';
import { hexDump } from './bytes';
import { asksFirst, type Kind, kindOf } from './kind';
import { TextContent } from './TextContent';

const HEX_BYTES = 4096;

/** The object as it looks, by its stored content type. */
export function Content({ facts }: { facts: ObjectInfo }) {
  const kind = kindOf(facts.content_type);
  const [isAsked, setIsAsked] = useState(!asksFirst(kind, facts.size_bytes));
  if (facts.size_bytes === 0) return <EmptyState title="This object is empty: it has 0 bytes" />;
  if (!isAsked) {
    return (
      <EmptyState
        title={`This object has ${formatBytes(facts.size_bytes)}`}
        action={<Button onClick={() => setIsAsked(true)}>Show it anyway</Button>}
      />
    );
  }
  return <div className="preview-content">{shown(kind, facts)}</div>;
}

function shown(kind: Kind, facts: ObjectInfo): ReactNode {
  switch (kind) {
    case 'image':
      return <Picture facts={facts} />;
    case 'video':
    case 'audio':
      return <Player kind={kind} facts={facts} />;
    case 'pdf':
      // In a sandbox Chromium's viewer shows nothing. PDF cannot reach this page: the answer has a policy of its own.
      // oxlint-disable-next-line react/iframe-missing-sandbox
      return <iframe className="preview-pdf" title={`Preview of ${labelOf(facts.name)}`} src={addressOf(facts)} />;
    case 'text':
      return <TextContent facts={facts} />;
    case 'binary':
      return <FirstBytes facts={facts} />;
  }
}

/** SVG is shown like this too: scripts in it do not run in an image. */
function Picture({ facts }: { facts: ObjectInfo }) {
  const [isBroken, setIsBroken] = useState(false);
  if (isBroken) return <Unplayable facts={facts} />;
  return (
    <img className="preview-image" src={addressOf(facts)} alt={labelOf(facts.name)} onError={() => setIsBroken(true)} />
  );
}

function Player({ kind, facts }: { kind: 'video' | 'audio'; facts: ObjectInfo }) {
  const [isBroken, setIsBroken] = useState(false);
  if (isBroken) return <Unplayable facts={facts} />;
  const Element = kind;
  return (
    <Element
      className="preview-player"
      controls
      preload="metadata"
      src={addressOf(facts)}
      aria-label={labelOf(facts.name)}
      onError={() => setIsBroken(true)}
    />
  );
}

function Unplayable({ facts }: { facts: ObjectInfo }) {
  return (
    <>
      <EmptyState title="The browser cannot show this">
        <p>It is stored as {facts.content_type}. Here are its first bytes.</p>
      </EmptyState>
      <FirstBytes facts={facts} />
    </>
  );
}

function FirstBytes({ facts }: { facts: ObjectInfo }) {
  const last = Math.min(HEX_BYTES, facts.size_bytes) - 1;
  const { data, error, refetch } = useQuery({
    queryKey: ['bytes', facts.bucket, facts.name, facts.version, last],
    queryFn: ({ signal }) => readBytes(facts, { version: facts.version, first: 0, last }, signal),
    staleTime: Infinity,
  });
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton label="Loading the first bytes" />;
  return (
    <>
      <p className="muted small">
        The first {formatBytes(data.length)} of {formatBytes(facts.size_bytes)}, {facts.content_type}
      </p>
      <pre className="preview-text preview-hex">{hexDump(data)}</pre>
    </>
  );
}

function addressOf(facts: ObjectInfo): string {
  return contentAddress(facts, facts.version);
}
