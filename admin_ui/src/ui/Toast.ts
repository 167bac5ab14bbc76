import { type ApiError, toApiError } from '../api/error';

/** What the reader is told in passing. `Toasts` shows it; everybody may say something. */

export interface ToastMessage {
  tone: 'default' | 'good' | 'danger';
  title: string;
  detail?: string;
  action?: { label: string; run: () => void };
  error?: ApiError;
}

export interface ShownToast extends ToastMessage {
  id: number;
}

const VISIBLE_MS = 6_000;
const MAX_SHOWN = 4;

let shown: readonly ShownToast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function show(toasts: readonly ShownToast[]): void {
  shown = toasts;
  for (const listener of listeners) listener();
}

/** Take a toast away. */
export function dismiss(id: number): void {
  show(shown.filter((each) => each.id !== id));
}

/** Too many push out the oldest, and an error only when there are nothing but errors: it may not have been read. */
function withRoom(toasts: readonly ShownToast[]): readonly ShownToast[] {
  if (toasts.length <= MAX_SHOWN) return toasts;
  const oldest = toasts.slice(0, -1).find(({ tone }) => tone !== 'danger') ?? toasts[0];
  return toasts.filter((each) => each !== oldest);
}

/** Tell the reader what happened. Errors stay until they are closed; the others go by themselves. */
export function toast(message: ToastMessage): void {
  const id = nextId++;
  show(withRoom([...shown, { ...message, id }]));
  if (message.tone !== 'danger' && !message.action) setTimeout(() => dismiss(id), VISIBLE_MS);
}

/** Tell the reader that something did not work, with what the server said and a way to find out why. */
export function toastError(title: string, thrown: unknown): void {
  const error = toApiError(thrown);
  toast({ tone: 'danger', title, detail: [error.message.replace(/\.$/, ''), error.hint].filter(Boolean).join('. '), error });
}

/** Call `listener` whenever other toasts are shown. */
export function subscribeToasts(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function shownToasts(): readonly ShownToast[] {
  return shown;
}
