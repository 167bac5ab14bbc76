import { useCallback } from 'react';
import { toast } from './Toast';

/** Return a function that copies text, and says so only once it is copied. */
export function useCopy(): (text: string, said?: string) => void {
  return useCallback((text: string, said = 'Copied') => {
    writeClipboard(text).then(
      () => toast({ tone: 'good', title: said }),
      () => toast({ tone: 'danger', title: 'The browser did not allow copying', detail: text }),
    );
  }, []);
}

/** Put text on the clipboard. Browsers allow it on https and on localhost only. */
export async function writeClipboard(text: string): Promise<void> {
  if (!navigator.clipboard) throw new Error('no clipboard on plain http');
  await navigator.clipboard.writeText(text);
}
