import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useId } from 'react';
import { configQuery } from '../../api/queries';
import { formatBytes } from '../../lib/format';
import type { SizeText } from '../../lib/size';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Icon } from '../../ui/Icon';
import { SizeInput } from '../../ui/SizeInput';
import { Switch } from '../../ui/Switch';
import { sizeProblem, typeProblem, typesOf, type LimitsDraft } from './limits';

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
      <TypesField draft={draft} onChange={onChange} />
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

function TypesField({ draft, onChange }: LimitFieldsProps) {
  const { types, typed } = draft;
  const suggestions = useId();
  const isEmpty = typed.trim() === '';
  const problem = typeProblem(draft);
  const add = () => {
    if (problem === null) onChange({ types: typesOf(draft), typed: '' });
  };
  return (
    <>
      <Field label="Types of content that may be uploaded" hint="Empty: every type." error={problem}>
        {(ids) => (
          <div className="input-row">
            <input
              className="input"
              list={suggestions}
              placeholder="image/*"
              autoComplete="off"
              {...ids}
              value={typed}
              onChange={(event) => onChange({ typed: event.target.value })}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || isEmpty) return;
                event.preventDefault();
                add();
              }}
            />
            <datalist id={suggestions}>
              {SUGGESTED.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </datalist>
            <Button onClick={add} disabled={isEmpty || problem !== null}>
              Add
            </Button>
          </div>
        )}
      </Field>
      <Chips types={types} onRemove={(removed) => onChange({ types: types.filter((each) => each !== removed) })} />
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
