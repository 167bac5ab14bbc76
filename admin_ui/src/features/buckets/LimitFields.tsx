import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useId, useState } from 'react';
import { configQuery } from '../../api/queries';
import { mimeProblem } from '../../lib/bucketRule';
import { formatBytes } from '../../lib/format';
import type { SizeText } from '../../lib/size';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Icon } from '../../ui/Icon';
import { SizeInput } from '../../ui/SizeInput';
import { Switch } from '../../ui/Switch';
import { sizeProblem, type LimitsDraft } from './limits';

interface LimitFieldsProps {
  draft: LimitsDraft;
  onChange: (part: Partial<LimitsDraft>) => void;
}

const SUGGESTED = ['image/*', 'video/*', 'audio/*', 'text/*', 'application/pdf', 'application/json', 'application/zip'];

export function LimitFields({ draft, onChange }: LimitFieldsProps) {
  return (
    <>
      <Switch
        label="Public"
        hint={
          draft.public
            ? 'Anybody who knows an address can read the object, without signing in. Uploads still need a policy.'
            : 'Policies decide who reads, and signed URLs let others read for a time.'
        }
        checked={draft.public}
        onChange={(isPublic) => onChange({ public: isPublic })}
      />
      <SizeField size={draft.size} onChange={(size) => onChange({ size })} />
      <TypesField types={draft.types} onChange={(types) => onChange({ types })} />
    </>
  );
}

function SizeField({ size, onChange }: { size: SizeText; onChange: (size: SizeText) => void }) {
  const { data: config } = useQuery(configQuery);
  const limit = config && formatBytes(config.limits.file_size_limit_bytes);
  return (
    <Field
      label="Size limit of an object"
      hint={limit ? `Empty: the server's own limit, ${limit}.` : "Empty: the server's own limit."}
      error={sizeProblem(size)}
    >
      {(ids) => <SizeInput ids={ids} unitLabel="Unit of the size limit" size={size} onChange={onChange} />}
    </Field>
  );
}

interface TypesFieldProps {
  types: readonly string[];
  onChange: (types: readonly string[]) => void;
}

function TypesField({ types, onChange }: TypesFieldProps) {
  const [typed, setTyped] = useState('');
  const suggestions = useId();
  const type = typed.trim().toLowerCase();
  const problem = type === '' ? null : mimeProblem(type);
  const add = () => {
    if (type === '' || problem) return;
    onChange(types.includes(type) ? types : [...types, type]);
    setTyped('');
  };
  return (
    <>
      <Field label="Types of content that may be uploaded" hint="None: every type." error={problem}>
        {(ids) => (
          <div className="input-row">
            <input
              className="input"
              list={suggestions}
              placeholder="image/*"
              autoComplete="off"
              {...ids}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || type === '') return;
                event.preventDefault();
                add();
              }}
            />
            <datalist id={suggestions}>
              {SUGGESTED.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </datalist>
            <Button onClick={add} disabled={type === '' || problem !== null}>
              Add
            </Button>
          </div>
        )}
      </Field>
      <Chips types={types} onRemove={(removed) => onChange(types.filter((each) => each !== removed))} />
    </>
  );
}

function Chips({ types, onRemove }: { types: readonly string[]; onRemove: (type: string) => void }) {
  if (types.length === 0) return null;
  return (
    <ul className="chips" aria-label="Allowed types">
      {types.map((type) => (
        <li key={type} className="chip">
          {type}
          <button type="button" aria-label={`Remove ${type}`} onClick={() => onRemove(type)}>
            <Icon of={X} />
          </button>
        </li>
      ))}
    </ul>
  );
}
