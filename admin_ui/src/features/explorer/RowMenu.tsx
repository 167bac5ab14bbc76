import { Ellipsis } from 'lucide-react';
import type { Row } from '../../lib/listing';
import { IconButton } from '../../ui/Button';
import { Menu } from '../../ui/Menu';
import type { RowEvents } from './row-events';

interface RowMenuProps {
  row: Row;
  index: number;
  open: boolean;
  selected: boolean;
  events: RowEvents;
}

/** The button at the end of a row. Only a menu that is open exists. */
export function RowMenu({ row, index, open, selected, events }: RowMenuProps) {
  const show = () => {
    if (!selected) events.onClick(index, 'select');
    events.onMenu(row.key);
  };
  const button = (
    <IconButton
      icon={Ellipsis}
      label={`Actions for ${row.label}`}
      tabIndex={-1}
      className="row-menu"
      onClick={(event) => {
        event.stopPropagation();
        show();
      }}
      onDoubleClick={(event) => event.stopPropagation()}
    />
  );
  if (!open) return button;
  return (
    <Menu
      open
      onOpenChange={(next) => !next && events.onMenu(null)}
      onCloseAutoFocus={events.onMenuClosed}
      trigger={button}
      groups={events.menuFor(row)}
    />
  );
}
