const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const NUMBER = new Intl.NumberFormat('en');

const SHORT_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const EXACT_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const DATE_FORMATS = ['local', 'iso'] as const;
export type DateFormat = (typeof DATE_FORMATS)[number];

/** Return a size with three digits that matter and a binary unit. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.round(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${UNITS[unit]}`;
}

export function formatCount(count: number): string {
  return NUMBER.format(count);
}

/** Return `3 objects`, `1 object`, or `3+ objects` when counting stopped early. */
export function formatObjects(count: number, complete = true): string {
  return `${formatCount(count)}${complete ? '' : '+'} ${count === 1 && complete ? 'object' : 'objects'}`;
}

/** Return a length of time in its two largest units. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const total = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), 'd'],
    [Math.floor((total % 86_400) / 3_600), 'h'],
    [Math.floor((total % 3_600) / 60), 'min'],
    [total % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** Return a time as the reader chose to see times; `-` for none. `exact`: with seconds. */
export function formatTime(iso: string | null, format: DateFormat = 'local', exact = false): string {
  if (!iso) return '-';
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  if (format === 'iso') return exact ? time.toISOString() : `${time.toISOString().slice(0, 19)}Z`;
  return (exact ? EXACT_TIME : SHORT_TIME).format(time);
}

/** Return a share as whole percent, never 100 before everything is done. */
export function formatPercent(done: number, total: number | null): string {
  if (!total) return '-';
  return done >= total ? '100 %' : `${Math.min(99, Math.floor((done / total) * 100))} %`;
}

/** Return a number with about three digits, for axes and tiles. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  if (Math.abs(value) >= 100) return formatCount(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Return what the server says, `message` and `hint`, as sentences behind one another. Its messages end without a dot. */
export function inSentences(message: string, hint: string | null | undefined): string {
  if (!hint) return message;
  return /[.!?]$/.test(message) ? `${message} ${hint}` : `${message}. ${hint}`;
}
