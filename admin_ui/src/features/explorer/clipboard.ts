import type { Row } from '../../lib/listing';
import { Store } from './store';
import type { TransferMode } from './transfer-plan';

/** Rows that were copied or cut, until they are pasted. The clipboard of the system is another thing. */
export interface Clip {
  mode: TransferMode;
  bucket: string;
  rows: readonly Row[];
}

export const clipboard = new Store<Clip | null>(null);

/** Tell whether the row is cut and waits for its new place. */
export function isCut(clip: Clip | null, bucket: string, key: string): boolean {
  return clip?.mode === 'move' && clip.bucket === bucket && clip.rows.some((row) => row.key === key);
}
