import type { ExplainRequest, JsonObject } from '../../api/types';
import type { SimulatorSearch } from '../../lib/search';
import { parseSize, type SizeText, toSizeText } from '../../lib/size';

export const OBJECT_OPS = [
  'list',
  'list_v2',
  'download',
  'info',
  'upload',
  'upsert',
  'update',
  'move',
  'copy',
  'delete',
  'sign',
  'sign_upload',
] as const;
export const BUCKET_OPS = [
  'bucket.create',
  'bucket.get',
  'bucket.list',
  'bucket.update',
  'bucket.delete',
  'bucket.empty',
] as const;
export const OPS = [...OBJECT_OPS, ...BUCKET_OPS] as const;
export const WHO = ['anon', 'authenticated', 'service_role', 'jwt'] as const;

export type Op = (typeof OPS)[number];
export type Who = (typeof WHO)[number];

/** What the form of the simulator holds, as it is typed. */
export interface Draft {
  op: Op;
  who: Who;
  sub: string;
  claims: string;
  jwt: string;
  bucket: string;
  name: string;
  to: string;
  toBucket: string;
  upsert: boolean;
  size: SizeText;
  mime: string;
}

const UPLOADS: readonly Op[] = ['upload', 'upsert', 'update'];
const LISTS: readonly Op[] = ['list', 'list_v2'];

export const takesBucket = ({ op }: Draft) => op !== 'bucket.list';
export const takesName = ({ op }: Draft) => !op.startsWith('bucket.');
export const needsName = (draft: Draft) => takesName(draft) && !LISTS.includes(draft.op);
export const takesTarget = ({ op }: Draft) => op === 'copy' || op === 'move';
export const takesUpsert = ({ op }: Draft) => op === 'copy' || op === 'sign_upload';
export const takesContent = ({ op }: Draft) => UPLOADS.includes(op);

/** Return the form that an address stands for. */
export function draftOf(search: SimulatorSearch): Draft {
  return {
    op: OPS.find((op) => op === search.op) ?? 'download',
    who: WHO.find((who) => who === search.role) ?? 'authenticated',
    sub: search.sub ?? '',
    claims: '',
    jwt: '',
    bucket: search.bucket ?? '',
    name: search.name ?? '',
    to: search.to ?? '',
    toBucket: search.to_bucket ?? '',
    upsert: search.upsert ?? false,
    size: toSizeText(search.size ?? null),
    mime: search.mime ?? '',
  };
}

/** Return the address of a form. Tokens and claims are never in it. Throws: RangeError for a size that is none. */
export function searchOf(draft: Draft): SimulatorSearch {
  const values = {
    op: draft.op,
    role: draft.who === 'jwt' ? '' : draft.who,
    sub: draft.who === 'authenticated' ? draft.sub : '',
    bucket: takesBucket(draft) ? draft.bucket : '',
    name: takesName(draft) ? draft.name : '',
    to: takesTarget(draft) ? draft.to : '',
    to_bucket: takesTarget(draft) ? draft.toBucket : '',
    upsert: takesUpsert(draft) && draft.upsert ? true : '',
    size: takesContent(draft) ? (parseSize(draft.size) ?? '') : '',
    mime: takesContent(draft) ? draft.mime.trim() : '',
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}

/** Return what is still missing or wrong in the form; null when it can be asked. */
export function problemOf(draft: Draft): string | null {
  if (draft.who === 'jwt' && !draft.jwt.trim()) return 'Paste a JWT.';
  if (takesBucket(draft) && !draft.bucket) return 'Name a bucket.';
  if (needsName(draft) && !draft.name) return 'Name an object.';
  if (takesTarget(draft) && !draft.to) return 'Say where it goes.';
  try {
    toRequest(draft);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Return the question for the server. Throws: RangeError and SyntaxError with a message for the reader. */
export function toRequest(draft: Draft): ExplainRequest {
  const size = takesContent(draft) ? parseSize(draft.size) : null;
  return {
    op: draft.op,
    ...callerOf(draft),
    ...(takesBucket(draft) && { bucket: draft.bucket }),
    ...(takesName(draft) && draft.name !== '' && { name: draft.name }),
    ...(takesTarget(draft) && { to: draft.to, ...(draft.toBucket && { to_bucket: draft.toBucket }) }),
    ...(takesUpsert(draft) && draft.upsert && { upsert: true }),
    ...(size !== null && { size }),
    ...(takesContent(draft) && draft.mime.trim() && { mime: draft.mime.trim() }),
  };
}

function callerOf({ who, jwt, sub, claims }: Draft): Partial<ExplainRequest> {
  if (who === 'jwt') return { jwt: jwt.trim() };
  if (who !== 'authenticated') return { role: who };
  const parsed = claims.trim() ? parseClaims(claims) : null;
  return { role: who, ...(sub.trim() && { sub: sub.trim() }), ...(parsed && { claims: parsed }) };
}

function parseClaims(text: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new SyntaxError('Claims must be JSON, such as {"team": "blue"}.');
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
  throw new SyntaxError('Claims must be a JSON object, such as {"team": "blue"}.');
}
