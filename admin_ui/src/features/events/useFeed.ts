import { useCallback, useEffect, useReducer, useState } from 'react';
import { EMPTY_FEED, feedReducer, type Entry } from './feed';
import { openStream, type Connection, type StreamFilter } from './stream';

/** The live feed of what `filter` lets through. Another filter begins a new one, and so does a new session. */
export function useFeed({ bucket, type, denied }: StreamFilter, sessionId: string | undefined) {
  const [feed, dispatch] = useReducer(feedReducer, EMPTY_FEED);
  const [connection, setConnection] = useState<Connection>({ state: 'connecting' });
  useEffect(() => {
    if (!sessionId) return undefined;
    dispatch({ type: 'cleared' });
    const onEntries = (entries: readonly Entry[]) => dispatch({ type: 'arrived', entries });
    return openStream({ bucket, type, denied }, { onConnection: setConnection, onEntries });
  }, [bucket, type, denied, sessionId]);
  const pause = useCallback((isPaused: boolean) => dispatch({ type: 'paused', isPaused }), []);
  return { feed, connection, pause };
}
