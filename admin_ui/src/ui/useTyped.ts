import { useEffect, useState } from 'react';

const PAUSE_MS = 300;

/**
 * Return what is typed in a field whose value is kept elsewhere, such as in the address, and a function to change it.
 *
 * `send` hands it on, without spaces around it, once its writer pauses. A `given` that was not sent from here, as after
 * Back, takes the place of what was typed.
 */
export function useTyped(given: string, send: (text: string) => void): [string, (text: string) => void] {
  const [text, setText] = useState(given);
  const [sent, setSent] = useState(given);
  const [seen, setSeen] = useState(given);
  if (seen !== given) {
    setSeen(given);
    if (given !== sent) {
      setText(given);
      setSent(given);
    }
  }
  useEffect(() => {
    const wanted = text.trim();
    if (wanted === sent) return undefined;
    const timer = setTimeout(() => {
      setSent(wanted);
      send(wanted);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
    // `send` is new with each render, and always does the same.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [text, sent]);
  return [text, setText];
}
