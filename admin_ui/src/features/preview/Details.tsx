import { useQuery } from '@tanstack/react-query';
import { Copy } from 'lucide-react';
import type { ReactNode } from 'react';
import { addressOf } from '../../api/client';
import { publicAddress } from '../../api/objects';
import { encPath } from '../../api/path';
import { bucketQuery, configQuery } from '../../api/queries';
import type { ObjectInfo } from '../../api/types';
import { formatBytes, formatCount } from '../../lib/format';
import { IconButton } from '../../ui/Button';
import { useCopy } from '../../ui/copy';
import { Time } from '../../ui/Time';

/** What is stored about the object, and where clients find it. */
export function Details({ facts }: { facts: ObjectInfo }) {
  const { data: bucket } = useQuery(bucketQuery(facts.bucket));
  const { data: config } = useQuery(configQuery);
  const root = config?.public_url ?? addressOf('..').replace(/\/$/, '');
  const path = `${encPath(facts.bucket)}/${encPath(facts.name)}`;
  const isPublic = bucket?.public === true;
  return (
    <dl className="facts preview-facts">
      <Fact term="Key" copies={facts.name}>
        <bdi>{facts.name}</bdi>
      </Fact>
      <Fact term="Size">
        {formatBytes(facts.size_bytes)} ({formatCount(facts.size_bytes)} bytes)
      </Fact>
      <Fact term="Type">{facts.content_type}</Fact>
      <Fact term="Cache-Control">{facts.cache_control}</Fact>
      <Fact term="ETag" copies={facts.etag}>
        {facts.etag}
      </Fact>
      <Fact term="Owner" {...(facts.owner !== null && { copies: facts.owner })}>
        {facts.owner ?? <span className="muted">nobody: a service key stored it</span>}
      </Fact>
      <Fact term="ID" copies={facts.id}>
        {facts.id}
      </Fact>
      <Fact term="Version">{facts.version}</Fact>
      <Fact term="Created">
        <Time at={facts.created_at} exact />
      </Fact>
      <Fact term="Modified">
        <Time at={facts.updated_at} exact />
      </Fact>
      {isPublic && <Url term="Public URL" url={publicAddress(facts, config?.public_url ?? null)} />}
      <Url term="URL with a token" url={`${root}/storage/v1/object/authenticated/${path}`} />
    </dl>
  );
}

function Url({ term, url }: { term: string; url: string }) {
  return (
    <Fact term={term} copies={url}>
      <span className="mono small">{url}</span>
    </Fact>
  );
}

function Fact({ term, copies, children }: { term: string; copies?: string; children: ReactNode }) {
  const copy = useCopy();
  return (
    <div className="facts-pair">
      <dt>{term}</dt>
      <dd>
        {children}
        {copies !== undefined && (
          <IconButton icon={Copy} label={`Copy ${term}`} onClick={() => copy(copies, `${term} copied`)} />
        )}
      </dd>
    </div>
  );
}
