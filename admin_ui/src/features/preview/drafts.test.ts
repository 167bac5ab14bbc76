import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { queryClient } from '../../api/queries';
import type { ObjectInfo } from '../../api/types';
import { draftAbout, hasUnsaved, keepDraft } from './drafts';
import { factsQuery } from './facts';
import { draftOf } from './metadata';

const FACTS = {
  ...{ bucket: 'b', name: 'a.txt', id: 'one', content_type: 'text/plain', cache_control: 'no-cache' },
  user_metadata: null,
} as ObjectInfo;
const EDITED = { ...draftOf(FACTS), contentType: 'text/html' };

let refusal: number | null;

const answer = () => {
  if (refusal !== null) return Response.json({ message: 'No' }, { status: refusal });
  return Response.json({ ...FACTS, bucket_id: 'b', metadata: null, etag: '"x"', size: 1 });
};
const know = (facts: ObjectInfo) => queryClient.setQueryData(factsQuery(facts).queryKey, facts);
const refresh = () => queryClient.invalidateQueries({ queryKey: ['object', 'b'] });

beforeEach(() => {
  queryClient.clear();
  refusal = null;
  for (const name of ['addEventListener', 'removeEventListener']) vi.stubGlobal(name, vi.fn<() => void>());
  vi.stubGlobal('document', { baseURI: 'http://host/admin/' });
  vi.stubGlobal('fetch', () => Promise.resolve(answer()));
  know(FACTS);
});

afterEach(() => {
  keepDraft(FACTS, null);
  vi.unstubAllGlobals();
});

test('what was typed is unsaved until it is dropped', () => {
  keepDraft(FACTS, EDITED);
  expect([draftAbout(FACTS), hasUnsaved()]).toEqual([EDITED, true]);
  keepDraft(FACTS, null);
  expect([draftAbout(FACTS), hasUnsaved()]).toEqual([undefined, false]);
});

test('what was typed back is kept, and nothing would be lost', () => {
  const added = { ...draftOf(FACTS), rows: [{ name: '', value: '' }] };
  keepDraft(FACTS, added);
  expect([draftAbout(FACTS), hasUnsaved()]).toEqual([added, false]);
});

test('nothing is lost with an object that is gone, but with one that could not be asked for', async () => {
  keepDraft(FACTS, EDITED);
  await refresh();
  expect(hasUnsaved()).toBe(true);
  refusal = 403;
  await refresh();
  expect(hasUnsaved()).toBe(true);
  refusal = 404;
  await refresh();
  expect(hasUnsaved()).toBe(false);
});

test('an object that gets another name keeps what was typed about it', async () => {
  keepDraft(FACTS, EDITED);
  refusal = 404;
  await refresh();
  const renamed = { ...FACTS, name: 'b.txt' };
  know(renamed);
  expect([draftAbout(renamed), hasUnsaved()]).toEqual([EDITED, true]);
});
