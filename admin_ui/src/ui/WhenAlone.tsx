import { type ReactNode, useEffect, useState } from 'react';
import { hasOverlay } from './overlay';

const LOOK_MS = 300;

/** Shows a dialog that nobody opened once no other is open: a key that is meant for that one would answer it. */
export function WhenAlone({ children }: { children: ReactNode }) {
  const [isShown, setIsShown] = useState(() => !hasOverlay());
  useEffect(() => {
    if (isShown) return undefined;
    const timer = setInterval(() => setIsShown(!hasOverlay()), LOOK_MS);
    return () => clearInterval(timer);
  }, [isShown]);
  return isShown && children;
}
