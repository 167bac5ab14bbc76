import { onlineManager } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';

export function OfflineBanner() {
  const online = useSyncExternalStore(
    (listener) => onlineManager.subscribe(listener),
    () => onlineManager.isOnline(),
  );
  return (
    <div role="status">
      {!online && (
        <p className="offline">
          The server cannot be reached. What you see may be old, and nothing can be changed. The page goes on by itself.
        </p>
      )}
    </div>
  );
}
