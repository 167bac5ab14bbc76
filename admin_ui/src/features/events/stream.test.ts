import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onSessionEnd } from '../../api/client';
import type { Entry } from './feed';
import { openStream, type Connection } from './stream';

/** What a browser's EventSource does, as far as the server and the network decide it. */
class ServerSide extends EventTarget {
  static readonly CLOSED = 2;
  static opened: ServerSide[] = [];
  readyState = 0;

  constructor(readonly url: string) {
    super();
    ServerSide.opened.push(this);
  }

  close() {
    this.readyState = ServerSide.CLOSED;
  }

  accept() {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  say(type: string, data: object, lastEventId = '') {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data), lastEventId }));
  }

  refuse() {
    this.readyState = ServerSide.CLOSED;
    this.dispatchEvent(new Event('error'));
  }

  cut() {
    this.readyState = 0;
    this.dispatchEvent(new Event('error'));
  }
}

let entries: Entry[];
let connections: Connection['state'][];

const listen = () =>
  openStream(
    { bucket: 'b' },
    {
      onConnection: ({ state }) => connections.push(state),
      onEntries: (arrived) => entries.push(...arrived),
    },
  );
const current = () => ServerSide.opened.at(-1) ?? new ServerSide('none');

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', ServerSide);
  vi.stubGlobal('document', { baseURI: 'http://host/admin/' });
  ServerSide.opened = [];
  entries = [];
  connections = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('events arrive together, in their order', () => {
  listen();
  current().accept();
  current().say('object', { seq: 1 }, '1');
  current().say('denial', { id: 'd' });
  current().say('gap', { oldest: 7 }, '7');
  expect(entries).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(entries.map(({ key }) => key)).toEqual(['object 1', 'denial d', 'gap 7']);
  expect(connections).toEqual(['connecting', 'live']);
});

test('after a refusal the stream goes on behind the last event, each time a little later', () => {
  listen();
  current().accept();
  current().say('object', { seq: 41 }, '41');
  current().refuse();
  vi.advanceTimersByTime(999);
  expect(ServerSide.opened).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(current().url).toBe('http://host/admin/api/events?bucket=b&after=41');
  current().refuse();
  vi.advanceTimersByTime(1_999);
  expect(ServerSide.opened).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(ServerSide.opened).toHaveLength(3);
});

test('after a refusal nothing is missed although nothing had been shown', () => {
  listen();
  current().accept();
  current().say('at', {}, '7');
  current().refuse();
  vi.advanceTimersByTime(1_000);
  expect(current().url).toBe('http://host/admin/api/events?bucket=b&after=7');
  expect(entries).toEqual([]);
});

test('after a cut the browser comes back by itself', () => {
  listen();
  current().accept();
  current().cut();
  vi.advanceTimersByTime(60_000);
  expect(ServerSide.opened).toHaveLength(1);
  expect(connections).toEqual(['connecting', 'live', 'waiting']);
});

test('when the session has ended the stream does not come back, and the page is told', () => {
  const told = vi.fn<() => void>();
  const stop = onSessionEnd(told);
  listen();
  current().say('end', { reason: 'session' });
  vi.advanceTimersByTime(60_000);
  expect(told).toHaveBeenCalledOnce();
  expect(ServerSide.opened).toHaveLength(1);
  expect([connections.at(-1), current().readyState]).toEqual(['ended', ServerSide.CLOSED]);
  stop();
});

test('a stream that was closed says nothing more', () => {
  const close = listen();
  current().say('object', { seq: 1 }, '1');
  close();
  vi.advanceTimersByTime(60_000);
  expect([entries.length, ServerSide.opened.length]).toEqual([0, 1]);
});
