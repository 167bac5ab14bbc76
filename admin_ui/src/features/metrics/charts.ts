import type { MetricsRange, Series } from '../../api/types';
import { formatBytes, formatNumber, formatObjects, type DateFormat } from '../../lib/format';

/** One drawing. `isBinary`: its axis has steps of 1024 instead of 1000. */
export interface ChartData {
  title: string;
  format: (value: number) => string;
  isBinary?: true;
  series: readonly { label: string; values: Series }[];
}

/** Of how many buckets the server tells what they hold, the largest first. */
const MAX_BUCKETS = 20;

const perSecond = (value: number) => `${formatNumber(value)}/s`;
const milliseconds = (value: number) => `${formatNumber(value)} ms`;
const bytesPerSecond = (value: number) => `${formatBytes(value)}/s`;

/** Return what is drawn, in the order of the page. */
export function chartsOf(metrics: MetricsRange): ChartData[] {
  return [
    { title: 'Requests by status', format: perSecond, series: seriesOf(metrics.requests_per_s) },
    { title: 'Latency', format: milliseconds, series: seriesOf(metrics.latency_ms) },
    { title: 'Traffic', format: bytesPerSecond, isBinary: true, series: seriesOf(metrics.bytes_per_s) },
    { title: 'Uploads under way', format: formatNumber, series: [{ label: 'uploads', values: metrics.uploads_active }] },
    { title: 'Server errors', format: perSecond, series: [{ label: 'errors', values: metrics.errors_per_s }] },
  ];
}

function seriesOf(record: Record<string, Series>): ChartData['series'] {
  return Object.entries(record).map(([label, values]) => ({ label, values }));
}

/** Return the last value that was measured; null when there is none. */
export function latest(values: Series): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** Return where a value stands alone: no line leads to it, so it needs a dot to be seen. */
export function lonely(values: ArrayLike<number | null | undefined>): number[] {
  const isKnown = (index: number) => values[index] !== null && values[index] !== undefined;
  return Array.from(values, (_, index) => index).filter(
    (index) => isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1),
  );
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** Return what stands below a tick of the time axis: the day where one begins, else the time of day. */
export function tickOf(seconds: number, dates: DateFormat): string {
  const time = new Date(seconds * 1_000);
  if (dates === 'iso') {
    const [day = '', clock = ''] = time.toISOString().slice(0, 16).split('T');
    return clock === '00:00' ? day : clock;
  }
  return (time.getHours() + time.getMinutes() === 0 ? DAY : CLOCK).format(time);
}

/** Return a sentence for those who do not see the drawing. */
export function describe({ title, format, series }: ChartData): string {
  const ends = series.map(({ label, values }) => {
    const value = latest(values);
    return `${label} ${value === null ? 'not measured' : format(value)}`;
  });
  return `${title}. Latest: ${ends.join(', ')}.`;
}

/** A number to see at once. `detail`: what it is about, where the label is too short for it. */
export interface Tile {
  label: string;
  value: string;
  detail: string;
}

export function tilesOf(metrics: MetricsRange): Tile[] {
  const requests = Object.values(metrics.requests_per_s).map((values) => latest(values));
  const measured = requests.filter((value) => value !== null);
  const total = measured.length > 0 ? measured.reduce((sum, value) => sum + value, 0) : null;
  const objects = metrics.storage.reduce((sum, each) => sum + each.objects, 0);
  const bytes = metrics.storage.reduce((sum, each) => sum + each.size_bytes, 0);
  const shown = (value: number | null, format: (value: number) => string) => (value === null ? '-' : format(value));
  return [
    { label: 'Requests', value: shown(total, perSecond), detail: 'of every status' },
    { label: 'Latency', value: shown(latest(metrics.latency_ms.p95), milliseconds), detail: '95th percentile' },
    { label: 'Server errors', value: shown(latest(metrics.errors_per_s), perSecond), detail: 'status 5xx' },
    { label: 'Uploads', value: shown(latest(metrics.uploads_active), formatNumber), detail: 'under way' },
    { label: 'Stored', value: formatBytes(bytes), detail: `${formatObjects(objects)} in ${largest(metrics.storage)}` },
  ];
}

function largest({ length }: MetricsRange['storage']): string {
  return length === 1 ? 'one bucket' : length < MAX_BUCKETS ? `${length} buckets` : `the ${length} largest buckets`;
}
