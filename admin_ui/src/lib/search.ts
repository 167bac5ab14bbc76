/** What the routes take from the query of their address. Whatever does not fit is left out, never an error. */

import { JOB_KINDS, JOB_STATES, METRIC_RANGES, type JobKind, type JobState, type MetricRange } from '../api/types';

type Raw = Record<string, unknown>;

export const EXPLORER_TABS = ['preview', 'details', 'metadata', 'share'] as const;
export type ExplorerTab = (typeof EXPLORER_TABS)[number];
export const SORTS = ['name', 'updated_at', 'created_at'] as const;
export const POLICY_VIEWS = ['policies', 'coverage'] as const;
export const SETTINGS_PARTS = ['appearance', 'configuration', 'sessions', 'audit', 'about'] as const;
const ORDERS = ['asc', 'desc'] as const;

export interface LoginSearch {
  next?: string | undefined;
}

export interface BucketsSearch {
  q?: string | undefined;
  sort?: (typeof SORTS)[number] | undefined;
  order?: (typeof ORDERS)[number] | undefined;
}

export interface ExplorerSearch extends BucketsSearch {
  preview?: string | undefined;
  tab?: ExplorerTab | undefined;
  scope?: 'folder' | 'bucket' | undefined;
}

export interface SimulatorSearch {
  role?: string | undefined;
  sub?: string | undefined;
  op?: string | undefined;
  bucket?: string | undefined;
  name?: string | undefined;
  to?: string | undefined;
  to_bucket?: string | undefined;
  upsert?: true | undefined;
  size?: number | undefined;
  mime?: string | undefined;
}

export interface EventsSearch {
  bucket?: string | undefined;
  type?: string | undefined;
  denied?: boolean | undefined;
  paused?: boolean | undefined;
}

export interface JobsSearch {
  kind?: JobKind | undefined;
  state?: JobState | undefined;
}

export interface MetricsSearch {
  range?: MetricRange | undefined;
}

export interface PoliciesSearch {
  view?: (typeof POLICY_VIEWS)[number] | undefined;
}

export interface SettingsSearch {
  part?: (typeof SETTINGS_PARTS)[number] | undefined;
}

function text(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function choice<T extends string>(value: unknown, choices: readonly T[]): T | undefined {
  return choices.find((each) => each === value);
}

function flag(value: unknown): true | undefined {
  return value === true || value === 'true' ? true : undefined;
}

function bytes(value: unknown): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** Return a page of this UI to go to after signing in: never an address elsewhere. */
export function safeNext(next: string | undefined): string {
  if (!next || !next.startsWith('/') || next.startsWith('//') || /[\\\p{Cc}]/u.test(next)) return '/';
  return next.startsWith('/login') ? '/' : next;
}

// The router spreads these over what the address says: a member that is undefined takes away what does not fit.

export const loginSearch = (raw: Raw): LoginSearch => ({ next: text(raw['next']) });

export const bucketsSearch = (raw: Raw): BucketsSearch => ({
  q: text(raw['q']),
  sort: choice(raw['sort'], SORTS),
  order: choice(raw['order'], ORDERS),
});

export const explorerSearch = (raw: Raw): ExplorerSearch => ({
  ...bucketsSearch(raw),
  preview: text(raw['preview']),
  tab: choice(raw['tab'], EXPLORER_TABS),
  scope: choice(raw['scope'], ['folder', 'bucket'] as const),
});

export const simulatorSearch = (raw: Raw): SimulatorSearch => ({
  role: text(raw['role']),
  sub: text(raw['sub']),
  op: text(raw['op']),
  bucket: text(raw['bucket']),
  name: text(raw['name']),
  to: text(raw['to']),
  to_bucket: text(raw['to_bucket']),
  upsert: flag(raw['upsert']),
  size: bytes(raw['size']),
  mime: text(raw['mime']),
});

/** Denials have no type. */
export const eventsSearch = (raw: Raw): EventsSearch => ({
  bucket: text(raw['bucket']),
  type: flag(raw['denied']) ? undefined : text(raw['type']),
  denied: flag(raw['denied']),
  paused: flag(raw['paused']),
});

export const jobsSearch = (raw: Raw): JobsSearch => ({
  kind: choice(raw['kind'], JOB_KINDS),
  state: choice(raw['state'], JOB_STATES),
});

export const metricsSearch = (raw: Raw): MetricsSearch => ({ range: choice(raw['range'], METRIC_RANGES) });

export const policiesSearch = (raw: Raw): PoliciesSearch => ({ view: choice(raw['view'], POLICY_VIEWS) });

export const settingsSearch = (raw: Raw): SettingsSearch => ({ part: choice(raw['part'], SETTINGS_PARTS) });
