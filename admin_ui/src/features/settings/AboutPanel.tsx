import { useQuery } from '@tanstack/react-query';
import { addressOf } from '../../api/client';
import { licencesQuery } from '../../api/queries';
import type { Config, PageLibrary } from '../../api/types';
import { formatBytes, formatCount, formatDuration } from '../../lib/format';
import { QueryView } from '../../ui/QueryView';
import { Table, type Column } from '../../ui/Table';
import { Time } from '../../ui/Time';

export function AboutPanel({ config }: { config: Config }) {
  const { limits, upload, server } = config;
  return (
    <div className="stack settings-panel">
      <dl className="facts">
        <dt>Version</dt>
        <dd>aerostore {config.version}</dd>
        <dt>Public address</dt>
        <dd>{config.public_url ? <code>{config.public_url}</code> : 'the one of this page'}</dd>
        <dt>Largest object</dt>
        <dd>{formatBytes(limits.file_size_limit_bytes)}</dd>
        <dt>Chunks of uploads</dt>
        <dd>
          {formatBytes(upload.chunk_size_bytes)}, {upload.parallel} at once; unfinished ones are kept for{' '}
          {formatDuration(upload.resumable_lifetime_s)}
        </dd>
        <dt>Names in an archive</dt>
        <dd>{formatCount(limits.zip_names_max)}</dd>
        <dt>S3 protocol</dt>
        <dd>{config.flags.s3 ? 'on' : 'off'}</dd>
        {server && <ServerFacts server={server} />}
      </dl>
      {server && (
        <>
          <h2>Libraries of the server</h2>
          <Table label="Libraries of the server" columns={COLUMNS} rows={server.libraries} rowKey={({ name }) => name} />
        </>
      )}
      <PageLibraries />
    </div>
  );
}

function PageLibraries() {
  const query = useQuery(licencesQuery);
  return (
    <>
      <div className="cluster">
        <h2 className="grow">Libraries of this page</h2>
        <a href={addressOf('licences.json')} target="_blank" rel="noreferrer">
          Texts of their licences
        </a>
      </div>
      <QueryView query={query} loading="Loading the licences">
        {(libraries) => (
          <Table label="Libraries of this page" columns={COLUMNS} rows={libraries.map(toLibrary)} rowKey={({ name }) => name} />
        )}
      </QueryView>
    </>
  );
}

function toLibrary({ name, version, identifier }: PageLibrary): Library {
  return { name, version, licence: identifier };
}

type Library = NonNullable<Config['server']>['libraries'][number];

const COLUMNS: readonly Column<Library>[] = [
  { id: 'name', header: 'Library', width: 'minmax(6.25rem, 1fr)', cell: ({ name }) => name },
  { id: 'version', header: 'Version', width: '6.875rem', cell: ({ version }) => version },
  { id: 'licence', header: 'Licence', width: 'minmax(6.25rem, 1fr)', wrap: true, cell: ({ licence }) => licence },
];

function ServerFacts({ server }: { server: NonNullable<Config['server']> }) {
  return (
    <>
      <dt>Database</dt>
      <dd>{server.database === 'postgres' ? 'PostgreSQL' : 'SQLite'}</dd>
      <dt>Worker processes</dt>
      <dd>{server.workers}</dd>
      <dt>Python</dt>
      <dd>{server.python}</dd>
      <dt>Started</dt>
      <dd>
        <Time at={server.started_at} />
      </dd>
    </>
  );
}
