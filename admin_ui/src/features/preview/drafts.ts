import { useSyncExternalStore } from 'react';
import type { MetadataDraft } from './metadata';

// What was typed and not saved waits here while another object or tab is shown.
const drafts = new Map<string, MetadataDraft>();
const listeners = new Set<() => void>();

/** Return the unsaved draft with this key, if any, and a function that keeps or drops it. */
export function useDraft(key: string): [MetadataDraft | undefined, (draft: MetadataDraft | null) => void] {
  const draft = useSyncExternalStore(subscribe, () => drafts.get(key));
  return [draft, (next) => keep(key, next)];
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function keep(key: string, draft: MetadataDraft | null): void {
  if (draft === null) drafts.delete(key);
  else drafts.set(key, draft);
  if (drafts.size > 0) window.addEventListener('beforeunload', askBeforeUnload);
  else window.removeEventListener('beforeunload', askBeforeUnload);
  for (const listener of listeners) listener();
}

function askBeforeUnload(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
