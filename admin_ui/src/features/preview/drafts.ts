import { QueryObserver } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { queryClient } from '../../api/queries';
import type { ObjectInfo } from '../../api/types';
import { factsQuery, isKnownObject } from './facts';
import { isDirty, type MetadataDraft } from './metadata';

/** What was typed about objects and not saved. It waits here while another object or tab is shown. */

interface Kept {
  draft: MetadataDraft;
  facts: ObjectInfo;
  release: () => void;
}

// By id: an object that gets another name keeps what was typed about it.
const kept = new Map<string, Kept>();
const listeners = new Set<() => void>();

/** Return the unsaved draft about an object, if any, and a function that keeps or drops it. */
export function useDraft(facts: ObjectInfo): [MetadataDraft | undefined, (draft: MetadataDraft | null) => void] {
  const draft = useSyncExternalStore(subscribe, () => draftAbout(facts));
  return [draft, (next) => keepDraft(facts, next)];
}

export function draftAbout({ id }: ObjectInfo): MetadataDraft | undefined {
  return kept.get(id)?.draft;
}

/** Keep what is typed about an object, or drop it with null. */
export function keepDraft(facts: ObjectInfo, draft: MetadataDraft | null): void {
  const before = kept.get(facts.id);
  if (draft === null) kept.delete(facts.id);
  else kept.set(facts.id, { draft, facts, release: watched(facts) });
  before?.release();
  if (kept.size > 0) addEventListener('beforeunload', askBeforeUnload);
  else removeEventListener('beforeunload', askBeforeUnload);
  for (const listener of listeners) listener();
}

/** Tell whether something would be lost with the page: drafts of objects that are gone are lost already. */
export function hasUnsaved(): boolean {
  return [...kept.values()].some(({ draft, facts }) => isDirty(draft, facts) && isKnownObject(facts));
}

/** Facts that somebody watches are asked for again when their bucket changes: so it is known whether they are true. */
function watched(facts: ObjectInfo): () => void {
  return new QueryObserver(queryClient, { ...factsQuery(facts), staleTime: Infinity }).subscribe(() => undefined);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function askBeforeUnload(event: BeforeUnloadEvent): void {
  if (hasUnsaved()) event.preventDefault();
}
