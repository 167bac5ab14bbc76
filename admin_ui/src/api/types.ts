/** The JSON of the server: docs/reference/admin-api.md, and the public API for buckets. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export interface Session {
  id: string;
  role: string;
  sub: string | null;
  claims: JsonObject;
  is_service: boolean;
  created_at: string;
  last_seen_at: string;
  idle_expires_at: string;
  expires_at: string | null;
  address: string | null;
  user_agent: string;
  is_current: boolean;
}

export interface Config {
  version: string;
  public_url: string | null;
  upload: { chunk_size_bytes: number; parallel: number; resumable_lifetime_s: number };
  limits: {
    file_size_limit_bytes: number;
    list_page: number;
    empty_bucket_max: number;
    zip_names_max: number;
  };
  flags: { s3: boolean };
  server: ServerConfig | null;
}

export interface ServerConfig {
  python: string;
  database: 'sqlite' | 'postgres';
  workers: number;
  started_at: string;
  libraries: { name: string; version: string; licence: string }[];
  settings: Setting[];
}

/** A library of the page. `identifier`: its licence, as SPDX calls it. */
export interface PageLibrary {
  name: string;
  version: string;
  identifier: string;
}

export interface Setting {
  name: string;
  variable: string;
  value: string | number | boolean | string[] | null;
  is_secret: boolean;
  source: 'environment' | 'file' | 'default' | 'generated';
}

export interface Bucket {
  id: string;
  name: string;
  public: boolean;
  file_size_limit: number | null;
  allowed_mime_types: string[] | null;
  created_at: string;
  updated_at: string;
}

export interface BucketLimits {
  public: boolean;
  file_size_limit: number | null;
  allowed_mime_types: string[] | null;
}

export interface Count {
  objects: number;
  size_bytes: number;
  complete: boolean;
}

export type BucketStats = Count & { id: string };

export interface ObjectInfo {
  bucket: string;
  name: string;
  id: string;
  version: string;
  size_bytes: number;
  content_type: string;
  cache_control: string;
  etag: string;
  user_metadata: JsonObject | null;
  owner: string | null;
  created_at: string;
  updated_at: string;
}

export interface SearchPage {
  objects: ObjectInfo[];
  cursor: string | null;
  scanned: number;
}

export interface MetadataChange {
  bucket: string;
  name: string;
  content_type?: string;
  cache_control?: string;
  user_metadata?: JsonObject | null;
}

export interface SignedLink {
  url: string;
  path: string;
  expires_at: string;
}

export const JOB_KINDS = ['folder.move', 'folder.copy', 'folder.delete', 'reclaim', 'scrub'] as const;
export type JobKind = (typeof JOB_KINDS)[number];
export const JOB_STATES = ['pending', 'running', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];
export type Conflict = 'fail' | 'skip' | 'replace';

export interface Job {
  id: string;
  kind: JobKind;
  state: JobState;
  is_cancelling: boolean;
  created_at: string;
  started_at: string | null;
  updated_at: string;
  finished_at: string | null;
  actor: { role: string; sub: string | null };
  request: JsonObject;
  done: number;
  total: number | null;
  done_bytes: number;
  skipped: number;
  refused: number;
  error: null | { code: string; message: string; hint: string | null };
}

export interface ReportEntry {
  kind: 'orphan' | 'missing' | 'damaged' | 'refused' | 'conflict';
  bucket: string | null;
  name: string | null;
  key: string | null;
  size_bytes: number | null;
  since: string | null;
  reason: string;
  explain: Asked | null;
}

export interface Report {
  job: Job;
  counters: Record<string, number>;
  refused: string;
  entries: ReportEntry[];
  complete: boolean;
}

export interface Policy {
  table: 'storage.objects' | 'storage.buckets';
  name: string;
  command: 'all' | 'select' | 'insert' | 'update' | 'delete';
  roles: string[];
  is_permissive: boolean;
  using: string | null;
  with_check: string | null;
  source: string;
  file: string | null;
  line: number | null;
  reason: string | null;
}

export type Verdict = 'allowed' | 'conditional' | 'denied';

export interface Coverage {
  roles: string[];
  operations: string[];
  cells: { bucket: string; role: string; operation: string; verdict: Verdict }[];
}

export interface ExplainRequest {
  op: string;
  bucket?: string;
  name?: string;
  to?: string;
  to_bucket?: string;
  upsert?: boolean;
  size?: number;
  mime?: string;
  jwt?: string;
  role?: string;
  sub?: string;
  claims?: JsonObject;
}

export interface ConditionPart {
  kind: 'and' | 'or' | 'not' | 'condition';
  expression: string;
  value: string;
  needs: string[];
  operands: { expression: string; value: string }[];
  parts: ConditionPart[];
}

export interface PolicyJudgement {
  name: string;
  permissive: boolean;
  roles: string[];
  applies: boolean;
  reason: string;
  result: boolean | null | string;
  expression: string;
  source: string;
  comment: string;
  part: ConditionPart | null;
}

export interface ExplainStep {
  command: string;
  table: string;
  row_is: 'existing' | 'proposed' | 'changed';
  why: string;
  passed: boolean;
  combined: string;
  row: JsonObject;
  policies: PolicyJudgement[];
}

export interface Explanation {
  allowed: boolean;
  http: { status: number; body: JsonObject | null };
  caller: null | { role: string; sub: string | null; bypasses_policies: boolean };
  question: JsonObject;
  decided_by: { kind: string; sentence: string; step: number | null; policies: string[] };
  hint: string | null;
  remark: string | null;
  steps: ExplainStep[];
}

export interface ObjectEvent {
  seq: number;
  id: string;
  type: string;
  bucket: string;
  name: string;
  object_id: string;
  size_bytes: number | null;
  content_type: string | null;
  actor: { role: string; sub: string | null } | null;
  request_id: string | null;
  at: string;
}

/** What was refused, as a question to the simulator: only what matters there. */
export interface Asked {
  op: string;
  bucket: string;
  name: string;
  to?: string;
  to_bucket?: string;
  upsert?: true;
  size?: number;
  mime?: string;
}

export interface DenialEvent {
  id: string;
  request_id: string;
  operation: string;
  bucket: string;
  name: string;
  role: string;
  sub: string | null;
  code: string;
  at: string;
  explain: Asked | null;
}

export const METRIC_RANGES = ['15m', '1h', '24h', '7d'] as const;
export type MetricRange = (typeof METRIC_RANGES)[number];
export type Series = (number | null)[];

export interface MetricsRange {
  range: MetricRange;
  step_s: number;
  times: number[];
  requests_per_s: Record<'2xx' | '3xx' | '4xx' | '5xx', Series>;
  latency_ms: Record<'p50' | 'p95' | 'p99', Series>;
  bytes_per_s: Record<'in' | 'out', Series>;
  uploads_active: Series;
  errors_per_s: Series;
  storage: { bucket: string; objects: number; size_bytes: number; complete: boolean }[];
}

export interface AuditEntry {
  id: string;
  at: string;
  type: string;
  role: string | null;
  sub: string | null;
  session_id: string | null;
  address: string | null;
  request_id: string | null;
  detail: JsonObject;
  explain: Asked | null;
}
