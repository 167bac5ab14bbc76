import { addressOf, announceSessionEnd } from '../../api/client';
import { withQuery } from '../../api/path';
import { queryClient, sessionQuery } from '../../api/queries';
import type { DenialEvent, ObjectEvent } from '../../api/types';
import type { Entry } from './feed';

export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'waiting'; until: number }
  | { state: 'ended' };

export interface StreamFilter {
  bucket?: string | undefined;
  type?: string | undefined;
  denied?: boolean | undefined;
}

interface Listener {
  onConnection: (connection: Connection) => void;
  onEntries: (entries: readonly Entry[]) => void;
}

/** What the server asks browsers to wait; they come back by themselves after a cut, with the last id they saw. */
const BROWSER_WAIT_MS = 2_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const GATHER_MS = 100;

/** Listen to the server's events until the function that is returned is called. What was missed is asked for again. */
export function openStream(filter: StreamFilter, listener: Listener): () => void {
  const stream = new EventStream(filter, listener);
  stream.connect();
  return () => stream.close();
}

class EventStream {
  readonly #filter: StreamFilter;
  readonly #listener: Listener;
  readonly #gathered: Gathered;
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitMs = FIRST_WAIT_MS;
  #lastId: string | undefined;

  constructor(filter: StreamFilter, listener: Listener) {
    this.#filter = filter;
    this.#listener = listener;
    this.#gathered = new Gathered(listener.onEntries);
  }

  connect(): void {
    this.#listener.onConnection({ state: 'connecting' });
    const source = new EventSource(addressOf(withQuery('api/events', { ...this.#filter, after: this.#lastId })));
    this.#source = source;
    source.addEventListener('open', () => this.#live());
    source.addEventListener('error', () => this.#interrupted(source));
    source.addEventListener('at', (message: MessageEvent<string>) => (this.#lastId = message.lastEventId));
    source.addEventListener('object', (message) => this.#object(message));
    source.addEventListener('denial', (message) => this.#denial(message));
    source.addEventListener('gap', (message) => this.#gap(message));
    source.addEventListener('end', (message) => this.#end(message));
  }

  close(): void {
    this.#source?.close();
    clearTimeout(this.#timer);
    this.#gathered.stop();
  }

  #live(): void {
    this.#waitMs = FIRST_WAIT_MS;
    this.#listener.onConnection({ state: 'live' });
  }

  /** After a cut the browser comes back by itself, after a refusal it does not. */
  #interrupted(source: EventSource): void {
    if (source.readyState === EventSource.CLOSED) this.#retry();
    else this.#listener.onConnection({ state: 'waiting', until: Date.now() + BROWSER_WAIT_MS });
  }

  #retry(): void {
    // An EventSource does not tell with which status it was refused: whether the session is over is asked for.
    void queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
    clearTimeout(this.#timer);
    this.#listener.onConnection({ state: 'waiting', until: Date.now() + this.#waitMs });
    this.#timer = setTimeout(() => this.connect(), this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }

  #object(message: MessageEvent<string>): void {
    this.#lastId = message.lastEventId;
    const event = JSON.parse(message.data) as ObjectEvent;
    this.#gathered.add({ kind: 'object', key: `object ${event.seq}`, at: event.at, event });
  }

  #denial(message: MessageEvent<string>): void {
    const event = JSON.parse(message.data) as DenialEvent;
    this.#gathered.add({ kind: 'denial', key: `denial ${event.id}`, at: event.at, event });
  }

  #gap(message: MessageEvent<string>): void {
    this.#lastId = message.lastEventId;
    const { oldest } = JSON.parse(message.data) as { oldest: number };
    this.#gathered.add({ kind: 'gap', key: `gap ${oldest}`, at: new Date().toISOString(), oldest });
  }

  #end(message: MessageEvent<string>): void {
    if ((JSON.parse(message.data) as { reason: string }).reason !== 'session') return;
    this.close();
    this.#listener.onConnection({ state: 'ended' });
    announceSessionEnd();
  }
}

/** Hands entries on a few times a second at most, so that a flood of them does not stop the page. */
class Gathered {
  readonly #onEntries: Listener['onEntries'];
  #entries: Entry[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onEntries: Listener['onEntries']) {
    this.#onEntries = onEntries;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    const entries = this.#entries;
    this.#entries = [];
    this.#timer = undefined;
    this.#onEntries(entries);
  }
}
