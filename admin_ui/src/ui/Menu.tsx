import type { LucideIcon } from 'lucide-react';
import { DropdownMenu as Radix } from 'radix-ui';
import { Fragment, type ReactNode } from 'react';
import { Icon } from './Icon';

export interface MenuItem {
  label: string;
  icon?: LucideIcon;
  keys?: string;
  tone?: 'default' | 'danger';
  disabled?: boolean;
  onSelect: () => void;
}

interface MenuProps {
  trigger: ReactNode;
  label?: ReactNode;
  groups: readonly (readonly MenuItem[])[];
  align?: 'start' | 'end';
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  onCloseAutoFocus?: (event: Event) => void;
}

/** A menu under `trigger`, one button. Not modal: a modal menu hides the page from screen readers. */
export function Menu({ trigger, label, groups, align = 'end', open, onOpenChange, onCloseAutoFocus }: MenuProps) {
  const control = { ...(open === undefined ? {} : { open }), ...(onOpenChange && { onOpenChange }) };
  return (
    <Radix.Root modal={false} {...control}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          className="menu"
          align={align}
          sideOffset={4}
          collisionPadding={8}
          {...(onCloseAutoFocus && { onCloseAutoFocus })}
        >
          {label && <Radix.Label className="menu-label">{label}</Radix.Label>}
          <MenuGroups groups={groups} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function MenuGroups({ groups }: Pick<MenuProps, 'groups'>) {
  const filled = groups.filter((group) => group.length > 0);
  return filled.map((group, index) => (
    <Fragment key={group[0]?.label}>
      {index > 0 && <Radix.Separator className="menu-line" />}
      {group.map((item) => (
        <Item key={item.label} item={item} />
      ))}
    </Fragment>
  ));
}

function Item({ item }: { item: MenuItem }) {
  return (
    <Radix.Item
      className="menu-item"
      data-tone={item.tone}
      disabled={item.disabled ?? false}
      onSelect={item.onSelect}
    >
      {item.icon && <Icon of={item.icon} />}
      {item.label}
      {item.keys && <kbd aria-hidden>{item.keys}</kbd>}
    </Radix.Item>
  );
}
