/** User metadata as people edit it: rows of names and values, or JSON. Pure. */

import type { JsonObject } from '../../api/types';

export interface MetadataRow {
  name: string;
  value: string;
}

/** What is being edited. `json` counts while `isRaw` is true, `rows` otherwise. */
export interface MetadataDraft {
  contentType: string;
  cacheControl: string;
  isRaw: boolean;
  rows: readonly MetadataRow[];
  json: string;
}

export interface StoredMetadata {
  content_type: string;
  cache_control: string;
  user_metadata: JsonObject | null;
}

/** Return what editing begins with. Metadata that holds more than texts is edited as JSON. */
export function draftOf(stored: StoredMetadata): MetadataDraft {
  const metadata = stored.user_metadata ?? {};
  return {
    contentType: stored.content_type,
    cacheControl: stored.cache_control,
    isRaw: !isFlat(metadata),
    rows: rowsOf(metadata),
    json: JSON.stringify(metadata, null, 2),
  };
}

/** Return the metadata that `draft` stands for. Throws: Error with a sentence for the reader. */
export function metadataOf(draft: MetadataDraft): JsonObject {
  return draft.isRaw ? parseJson(draft.json) : parseRows(draft.rows);
}

/** Say what is wrong with `draft`, or return null when it can be stored. */
export function draftProblem(draft: MetadataDraft): string | null {
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;.*)?$/.test(draft.contentType.trim())) {
    return 'The content type has two parts, such as text/plain.';
  }
  try {
    metadataOf(draft);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Return `draft` with the other way of editing, with the same content. Throws: Error when that cannot be. */
export function toggledRaw(draft: MetadataDraft): MetadataDraft {
  const metadata = metadataOf(draft);
  if (!draft.isRaw) return { ...draft, isRaw: true, json: JSON.stringify(metadata, null, 2) };
  if (!isFlat(metadata)) throw new Error('Only texts can be edited as rows; this holds other values too.');
  return { ...draft, isRaw: false, rows: rowsOf(metadata) };
}

/** Tell whether `draft` would change what is stored. */
export function isDirty(draft: MetadataDraft, stored: StoredMetadata): boolean {
  if (draft.contentType !== stored.content_type || draft.cacheControl !== stored.cache_control) return true;
  try {
    return JSON.stringify(metadataOf(draft)) !== JSON.stringify(stored.user_metadata ?? {});
  } catch {
    return true; // What cannot be read is not what is stored.
  }
}

function rowsOf(metadata: JsonObject): MetadataRow[] {
  return Object.entries(metadata).map(([name, value]) => ({ name, value: typeof value === 'string' ? value : '' }));
}

function isFlat(metadata: JsonObject): boolean {
  return Object.values(metadata).every((value) => typeof value === 'string');
}

function parseJson(text: string): JsonObject {
  const parsed = parsedOrThrow(text.trim() || '{}');
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error('The metadata has to be a JSON object, {…}.');
  }
  return parsed as JsonObject;
}

function parsedOrThrow(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function parseRows(rows: readonly MetadataRow[]): JsonObject {
  const filled = rows.filter(({ name, value }) => name.trim() !== '' || value !== '');
  const names = filled.map(({ name }) => name.trim());
  if (names.includes('')) throw new Error('Every value needs a name.');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`“${twice}” is there twice.`);
  return Object.fromEntries(filled.map(({ value }, index) => [names[index] ?? '', value]));
}
