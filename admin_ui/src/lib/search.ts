/** What the routes take from the query of their address. Whatever does not fit is left out, never an error. */

import { JOB_KINDS, JOB_STATES, METRIC_RANGES, type JobKind, type JobState, type MetricRange } from '../api/types';

type Raw = Record<string, unknown>;

export const EXPLORER_TABS = ['preview', 'details', 'metadata', 'share'] as const;
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
  tab?: (typeof EXPLORER_TABS)[number] | undefined;
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

function present<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

/** Return a page of this UI to go to after signing in: never an address elsewhere. */
export function safeNext(next: string | undefined): string {
  if (!next || !next.startsWith('/') || next.startsWith('//') || /[\\\p{Cc}]/u.test(next)) return '/';
  return next.startsWith('/login') ? '/' : next;
}

export const loginSearch = (raw: Raw): LoginSearch => present({ next: text(raw['next']) });

export const bucketsSearch = (raw: Raw): BucketsSearch =>
  present({ q: text(raw['q']), sort: choice(raw['sort'], SORTS), order: choice(raw['order'], ORDERS) });

export const explorerSearch = (raw: Raw): ExplorerSearch =>
  present({
    ...bucketsSearch(raw),
    preview: text(raw['preview']),
    tab: choice(raw['tab'], EXPLORER_TABS),
    scope: choice(raw['scope'], ['folder', 'bucket'] as const),
  });

export const simulatorSearch = (raw: Raw): SimulatorSearch =>
  present({
    role: text(raw['role']),
    sub: text(raw['sub']),
    op: text(raw['op']),
    bucket: text(raw['bucket']),
    name: text(raw['name']),
    to: text(raw['to']),
    to_bucket: text(raw['to_bucket']),
  });

export const eventsSearch = (raw: Raw): EventsSearch =>
  present({
    bucket: text(raw['bucket']),
    type: text(raw['type']),
    denied: flag(raw['denied']),
    paused: flag(raw['paused']),
  });

export const jobsSearch = (raw: Raw): JobsSearch =>
  present({ kind: choice(raw['kind'], JOB_KINDS), state: choice(raw['state'], JOB_STATES) });

export const metricsSearch = (raw: Raw): MetricsSearch => present({ range: choice(raw['range'], METRIC_RANGES) });

export const policiesSearch = (raw: Raw): PoliciesSearch => present({ view: choice(raw['view'], POLICY_VIEWS) });

export const settingsSearch = (raw: Raw): SettingsSearch => present({ part: choice(raw['part'], SETTINGS_PARTS) });
