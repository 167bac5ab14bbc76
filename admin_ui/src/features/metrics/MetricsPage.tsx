import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { metricsQuery, useSession } from '../../api/queries';
import { METRIC_RANGES, type MetricsRange } from '../../api/types';
import { formatBytes, formatDuration, formatObjects } from '../../lib/format';
import { folderLink } from '../../lib/route';
import { Button } from '../../ui/Button';
import { PageHead } from '../../ui/PageHead';
import { useColourScheme, usePreferences } from '../../ui/preferences';
import { QueryView } from '../../ui/QueryView';
import { Segments } from '../../ui/Segments';
import { ServiceOnly } from '../../ui/ServiceOnly';
import { Table, type Column } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { chartsOf, describe, tilesOf, type ChartData } from './charts';
import './metrics.css';

const Plot = lazy(() => import('./Plot').then((module) => ({ default: module.Plot })));
const route = getRouteApi('/signed-in/metrics');

export function MetricsPage() {
  const { range = '1h' } = route.useSearch();
  const navigate = useNavigate({ from: '/metrics' });
  const session = useSession();
  return (
    <>
      <PageHead title="Metrics">
        {session?.is_service && (
          <Segments
            label="Range"
            value={range}
            options={METRIC_RANGES.map((each) => ({ value: each, label: each }))}
            onChange={(next) => void navigate({ search: { range: next }, replace: true })}
          />
        )}
      </PageHead>
      <ServiceOnly what="Metrics">
        <Metrics range={range} />
      </ServiceOnly>
    </>
  );
}

function Metrics({ range }: { range: MetricsRange['range'] }) {
  const query = useQuery(metricsQuery(range));
  return (
    <QueryView query={query} loading="Loading metrics">
      {(metrics) => (
        <>
          <dl className="tiles">
            {tilesOf(metrics).map(({ label, value, detail }) => (
              <div key={label} className="card tile">
                <dt className="muted">{label}</dt>
                <dd className="tile-value numeric">{value}</dd>
                <dd className="muted small">{detail}</dd>
              </div>
            ))}
          </dl>
          <p className="muted small">One value for each {formatDuration(metrics.step_s)}.</p>
          <div className="charts">
            {chartsOf(metrics).map((chart) => (
              <Chart key={chart.title} chart={chart} times={metrics.times} />
            ))}
          </div>
          <Storage storage={metrics.storage} />
        </>
      )}
    </QueryView>
  );
}

function Chart({ chart, times }: { chart: ChartData; times: readonly number[] }) {
  const [asTable, setAsTable] = useState(false);
  const { dates } = usePreferences();
  const scheme = useColourScheme();
  return (
    <section className="card" aria-label={chart.title}>
      <div className="cluster">
        <h2 className="grow">{chart.title}</h2>
        <Button tone="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          View as table
        </Button>
      </div>
      {asTable ? (
        <ValueTable chart={chart} times={times} />
      ) : (
        <div role="img" aria-label={describe(chart)}>
          <Suspense fallback={<div className="plot" />}>
            <Plot key={scheme} chart={chart} times={times} dates={dates} />
          </Suspense>
        </div>
      )}
    </section>
  );
}

interface Sample {
  time: number;
  values: readonly (number | null)[];
}

function ValueTable({ chart, times }: { chart: ChartData; times: readonly number[] }) {
  const samples: Sample[] = times.map((time, index) => ({
    time,
    values: chart.series.map(({ values }) => values[index] ?? null),
  }));
  const columns: readonly Column<Sample>[] = [
    {
      id: 'time',
      header: 'Until',
      width: 'minmax(6.875rem, 2fr)',
      wrap: true,
      cell: ({ time }) => <Time at={new Date(time * 1_000).toISOString()} exact />,
    },
    ...chart.series.map(
      ({ label }, index): Column<Sample> => ({
        id: label,
        header: label,
        width: 'minmax(3.125rem, 1fr)',
        align: 'end',
        cell: ({ values }) => {
          const value = values[index] ?? null;
          return value === null ? '-' : chart.format(value);
        },
      }),
    ),
  ];
  return (
    <div className="plot-table" tabIndex={0} role="region" aria-label={`${chart.title} as a table`}>
      <Table label={chart.title} columns={columns} rows={samples.toReversed()} rowKey={({ time }) => String(time)} />
    </div>
  );
}

function Storage({ storage }: Pick<MetricsRange, 'storage'>) {
  const columns: readonly Column<MetricsRange['storage'][number]>[] = [
    {
      id: 'bucket',
      header: 'Bucket',
      width: 'minmax(7.5rem, 2fr)',
      cell: ({ bucket }) => (
        <Link {...folderLink(bucket, '')} search={{}}>
          <bdi>{bucket}</bdi>
        </Link>
      ),
    },
    {
      id: 'objects',
      header: 'Objects',
      width: 'minmax(5.625rem, 1fr)',
      align: 'end',
      cell: ({ objects, complete }) => formatObjects(objects, complete),
    },
    {
      id: 'size',
      header: 'Size',
      width: 'minmax(5.625rem, 1fr)',
      align: 'end',
      cell: ({ size_bytes, complete }) => `${formatBytes(size_bytes)}${complete ? '' : '+'}`,
    },
  ];
  return (
    <section className="stack" aria-label="Storage by bucket">
      <h2>Storage by bucket, now</h2>
      {storage.length === 0 ? (
        <p className="muted">Nothing is stored yet.</p>
      ) : (
        <Table label="Storage by bucket" columns={columns} rows={storage} rowKey={({ bucket }) => bucket} />
      )}
    </section>
  );
}
