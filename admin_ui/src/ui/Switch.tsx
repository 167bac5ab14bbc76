import { Switch as Radix } from 'radix-ui';
import { useId, type ReactNode } from 'react';

interface SwitchProps {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

export function Switch({ label, hint, checked, disabled = false, onChange }: SwitchProps) {
  const id = useId();
  return (
    <div className="input-row">
      <Radix.Root
        id={id}
        className="switch"
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
        aria-describedby={hint ? `${id}-hint` : undefined}
      >
        <Radix.Thumb className="switch-thumb" />
      </Radix.Root>
      <div className="switch-words">
        <label htmlFor={id} className="label">
          {label}
        </label>
        {hint && (
          <div id={`${id}-hint`} className="muted small">
            {hint}
          </div>
        )}
      </div>
    </div>
  );
}
