import type { Row } from '../../lib/listing';
import type { TransferMode } from './transfer-plan';

/** What a dialog asks about before something is done. */
export type Asking =
  | { type: 'rename'; row: Row }
  | { type: 'newFolder' }
  | { type: 'delete'; rows: readonly Row[] }
  | { type: 'transfer'; mode: TransferMode; rows: readonly Row[] };
