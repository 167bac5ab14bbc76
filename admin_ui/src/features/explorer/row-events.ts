import type { Row } from '../../lib/listing';
import type { MenuItem } from '../../ui/Menu';
import type { OnDrop } from './drag';

/** How a row was clicked. */
export type ClickMode = 'select' | 'toggle' | 'extend' | 'add';

/** What a row may ask of the grid. The functions stay the same, so that rows are drawn only when they change. */
export interface RowEvents {
  onClick: (index: number, mode: ClickMode) => void;
  onOpen: (index: number) => void;
  onMenu: (key: string | null) => void;
  onDrop: OnDrop;
  onSpring: (prefix: string) => void;
  rowsToDrag: (row: Row) => readonly Row[];
  menuFor: (row: Row) => readonly (readonly MenuItem[])[];
  onMenuClosed: (event: Event) => void;
}
