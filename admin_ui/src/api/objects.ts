import { labelOf } from '../lib/keys';
import { folderOf } from '../lib/route';
import type { FolderRow, ListingPage, ObjectRow } from '../lib/listing';
import { addressOf, request, send } from './client';
import { encPath, withQuery } from './path';
import type { Json, JsonObject, MetadataChange, ObjectInfo, SearchPage, SignedLink } from './types';

const SEARCH_PAGE = 200;

export interface ObjectAddress {
  bucket: string;
  name: string;
}

export type SortColumn = 'name' | 'updated_at' | 'created_at';

export interface ListOrder {
  column: SortColumn;
  order: 'asc' | 'desc';
}

interface ListedFolder {
  name: string;
  updated_at: string | null;
}

interface ListedObject {
  name: string;
  updated_at: string;
  metadata: JsonObject | null;
}

interface ListAnswer {
  folders: ListedFolder[];
  objects: ListedObject[];
  nextCursor?: string;
}

/** Ask for one page of the folder `prefix`. The server may give fewer entries than `limit`. */
export async function listPage(
  bucket: string,
  prefix: string,
  { sortBy, cursor, limit }: { sortBy: ListOrder; cursor: string | null; limit: number },
  signal: AbortSignal,
): Promise<ListingPage> {
  const answer = await request<ListAnswer>(`storage/v1/object/list-v2/${encPath(bucket)}`, {
    method: 'POST',
    json: { prefix, limit, with_delimiter: true, sortBy, ...(cursor !== null && { cursor }) },
    signal,
    question: { op: 'list', bucket, name: prefix },
  });
  return {
    folders: answer.folders.map(toFolderRow),
    objects: answer.objects.map(toObjectRow),
    nextCursor: answer.nextCursor ?? null,
  };
}

function toFolderRow({ name, updated_at }: ListedFolder): FolderRow {
  return { kind: 'folder', key: name, label: labelOf(name), updatedAt: updated_at };
}

function toObjectRow({ name, updated_at, metadata }: ListedObject): ObjectRow {
  return {
    kind: 'object',
    key: name,
    label: labelWithin(folderOf(name), name),
    sizeBytes: Number(metadata?.['size'] ?? 0),
    mimeType: shared(metadata?.['mimetype']),
    updatedAt: updated_at,
  };
}

/** Return what an object is called in a folder. Some tools store one under the very name of the folder. */
function labelWithin(prefix: string, name: string): string {
  return name.slice(prefix.length) || '(the folder itself)';
}

const types = new Map<string, string>();

/** Return a content type as one string in memory, however many rows have it. */
function shared(type: Json | undefined): string {
  const text = typeof type === 'string' && type !== '' ? type : 'application/octet-stream';
  const known = types.get(text);
  if (known !== undefined) return known;
  types.set(text, text);
  return text;
}

/** Ask for one page of the objects below `prefix` whose names hold `q`. It may be empty and have a cursor. */
export function searchPage(
  wanted: { bucket: string; q: string; prefix: string; cursor: string | null },
  signal: AbortSignal,
): Promise<SearchPage> {
  return request(withQuery('api/objects/search', { ...wanted, limit: SEARCH_PAGE }), { signal });
}

/** Return `found` as a row of a list, labelled with the part of its name below `prefix`. */
export function rowOfFound(found: ObjectInfo, prefix: string): ObjectRow {
  return {
    kind: 'object',
    key: found.name,
    label: labelWithin(prefix, found.name),
    sizeBytes: found.size_bytes,
    mimeType: found.content_type,
    updatedAt: found.updated_at,
  };
}

interface InfoAnswer {
  id: string;
  name: string;
  version: string;
  bucket_id: string;
  size: number;
  content_type: string;
  cache_control: string;
  etag: string;
  metadata: JsonObject | null;
  owner_id: string | null;
  last_modified: string;
  created_at: string;
}

/** Ask for everything about one object. Raises: ApiError 404 when there is none that the session may see. */
export async function objectFacts({ bucket, name }: ObjectAddress, signal: AbortSignal): Promise<ObjectInfo> {
  const path = `storage/v1/object/info/authenticated/${encPath(bucket)}/${encPath(name)}`;
  const info = await request<InfoAnswer>(path, { signal, question: { op: 'download', bucket, name } });
  return {
    ...{ bucket: info.bucket_id, name: info.name, id: info.id, version: info.version },
    ...{ size_bytes: info.size, content_type: info.content_type, cache_control: info.cache_control },
    ...{ etag: info.etag.replaceAll('"', ''), user_metadata: info.metadata, owner: info.owner_id },
    ...{ created_at: info.created_at, updated_at: info.last_modified },
  };
}

/** Give an object another name. Raises: ApiError 409 when it is taken. */
export async function moveObject(from: ObjectAddress, to: ObjectAddress): Promise<void> {
  await request('storage/v1/object/move', { method: 'POST', ...transfer('move', from, to) });
}

/** Make another object of the same bytes. Raises: ApiError 409 when the name is taken, unless it may be replaced. */
export async function copyObject(from: ObjectAddress, to: ObjectAddress, replace: boolean): Promise<void> {
  const headers = { 'x-upsert': String(replace) };
  await request('storage/v1/object/copy', { method: 'POST', headers, ...transfer('copy', from, to) });
}

function transfer(op: string, from: ObjectAddress, to: ObjectAddress) {
  return {
    json: {
      bucketId: from.bucket,
      sourceKey: from.name,
      destinationBucket: to.bucket,
      destinationKey: to.name,
    },
    question: { op, bucket: from.bucket, name: from.name, to: to.name, to_bucket: to.bucket },
  };
}

/** Delete objects of one bucket, at most 1,000 names. Returns those that are gone; the others were refused. */
export async function deleteObjects(bucket: string, names: readonly string[]): Promise<string[]> {
  const gone = await request<{ name: string }[]>(`storage/v1/object/${encPath(bucket)}`, {
    method: 'DELETE',
    json: { prefixes: names },
    question: { op: 'delete', bucket, name: names[0] },
  });
  return gone.map(({ name }) => name);
}

/** Make a link that anybody may read the object by. `download`: the name to save it under, null to show it. */
export function signObject(
  { bucket, name }: ObjectAddress,
  expiresInS: number,
  download: string | null,
): Promise<SignedLink> {
  return request('api/objects/sign', {
    method: 'POST',
    json: { bucket, name, expires_in_s: expiresInS, ...(download !== null && { download }) },
    question: { op: 'sign', bucket, name },
  });
}

export async function changeMetadata(change: MetadataChange): Promise<ObjectInfo> {
  const question = { op: 'update', bucket: change.bucket, name: change.name };
  return (await request<{ object: ObjectInfo }>('api/objects/metadata', { method: 'PATCH', json: change, question }))
    .object;
}

/** Return where this page reads the object itself, by its session; `version` tells copies in the cache apart. */
export function contentAddress({ bucket, name }: ObjectAddress, version: string): string {
  const path = `storage/v1/object/authenticated/${encPath(bucket)}/${encPath(name)}`;
  return addressOf(`${path}?v=${encodeURIComponent(version)}`);
}

/** Return where this page saves the object from. */
export function downloadAddress({ bucket, name }: ObjectAddress): string {
  return `${contentAddress({ bucket, name }, '')}&download=${encodeURIComponent(labelOf(name))}`;
}

/** Return where anybody reads an object of a public bucket. `publicUrl`: of the server, null when it is this host. */
export function publicAddress({ bucket, name }: ObjectAddress, publicUrl: string | null): string {
  const root = publicUrl === null ? addressOf('..') : `${publicUrl.replace(/\/+$/, '')}/`;
  return `${root}storage/v1/object/public/${encPath(bucket)}/${encPath(name)}`;
}

/** Read bytes `first` to `last` of the object, or to its end when it is shorter. */
export async function readBytes(
  address: ObjectAddress,
  { version, first, last }: { version: string; first: number; last: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { bucket, name } = address;
  const path = `storage/v1/object/authenticated/${encPath(bucket)}/${encPath(name)}?v=${encodeURIComponent(version)}`;
  const headers = { range: `bytes=${first}-${last}` };
  const response = await send(path, { headers, signal, question: { op: 'download', bucket, name } });
  return new Uint8Array(await response.arrayBuffer());
}
