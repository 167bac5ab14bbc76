import type { LucideIcon } from 'lucide-react';
import type { ComponentProps, SyntheticEvent } from 'react';
import { Icon } from './Icon';

export type Tone = 'default' | 'primary' | 'danger' | 'quiet';

interface ButtonProps extends ComponentProps<'button'> {
  tone?: Tone;
  icon?: LucideIcon;
  busy?: boolean;
}

/** A button. `busy`: what it did last is under way; it rests until then, and keeps the focus. */
export function Button({ tone = 'default', icon, busy = false, className = '', children, ...rest }: ButtonProps) {
  const resting = busy && { 'aria-disabled': true, onClick: (event: SyntheticEvent) => event.preventDefault() };
  return (
    <button type="button" className={`button ${className}`} data-tone={tone} {...rest} {...resting}>
      {icon && <Icon of={icon} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonProps, 'children' | 'aria-label'> {
  icon: LucideIcon;
  label: string;
}

/** A button that shows only a drawing; `label` is its name and its tooltip. */
export function IconButton({ label, tone = 'quiet', className = '', ...rest }: IconButtonProps) {
  return <Button tone={tone} className={`icon-only ${className}`} title={label} aria-label={label} {...rest} />;
}
