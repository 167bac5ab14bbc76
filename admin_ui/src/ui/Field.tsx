import { Eye, EyeOff } from 'lucide-react';
import { useId, useState, type ComponentProps, type ReactNode } from 'react';
import { IconButton } from './Button';

export interface ControlIds {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': true | undefined;
}

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | null | undefined;
  children: (ids: ControlIds) => ReactNode;
}

/** A labelled control. Hint and error are linked to it; an error is announced when it appears. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': error ? true : undefined })}
      {hint && (
        <div id={`${id}-hint`} className="muted small">
          {hint}
        </div>
      )}
      <div id={`${id}-error`} className="field-error small" aria-live="polite">
        {error}
      </div>
    </div>
  );
}

type InputProps = Omit<ComponentProps<'input'>, 'children'> & Pick<FieldProps, 'label' | 'hint' | 'error'>;

export function TextField({ label, hint, error, ...input }: InputProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => <input className="input" autoComplete="off" spellCheck={false} {...ids} {...input} />}
    </Field>
  );
}

type AreaProps = ComponentProps<'textarea'> & Pick<FieldProps, 'label' | 'hint' | 'error'>;

export function TextArea({ label, hint, error, ...area }: AreaProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => <textarea className="input" spellCheck={false} {...ids} {...area} />}
    </Field>
  );
}

interface SelectProps<T extends string> extends Pick<FieldProps, 'label' | 'hint' | 'error'> {
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

export function SelectField<T extends string>({ label, hint, error, value, options, onChange }: SelectProps<T>) {
  const choose = (text: string) => {
    const found = options.find((option) => option.value === text);
    if (found) onChange(found.value);
  };
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => (
        <select className="input" {...ids} value={value} onChange={(event) => choose(event.target.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A field for a secret, hidden until the reader asks to see it. */
export function SecretField({ label, hint, error, ...input }: InputProps) {
  const [shown, setShown] = useState(false);
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => (
        <div className="input-row">
          <input className="input mono" spellCheck={false} {...ids} {...input} type={shown ? 'text' : 'password'} />
          <IconButton
            icon={shown ? EyeOff : Eye}
            label={shown ? 'Hide what is typed' : 'Show what is typed'}
            onClick={() => setShown(!shown)}
          />
        </div>
      )}
    </Field>
  );
}

interface SearchProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** A filter above a list. Its label is for screen readers, its placeholder for everybody else. */
export function SearchInput({ label, value, onChange }: SearchProps) {
  return (
    <input
      type="search"
      className="input search-input"
      data-search
      aria-label={label}
      placeholder={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
