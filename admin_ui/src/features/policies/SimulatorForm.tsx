import type { SubmitEvent } from 'react';
import { Button } from '../../ui/Button';
import { Field, SecretField, SelectField, TextArea, TextField } from '../../ui/Field';
import { SizeInput } from '../../ui/SizeInput';
import { Switch } from '../../ui/Switch';
import * as simulation from './simulation';
import type { Draft } from './simulation';

interface PartProps {
  draft: Draft;
  onChange: (part: Partial<Draft>) => void;
}

interface SimulatorFormProps extends PartProps {
  pending: boolean;
  onAsk: () => void;
}

const WHO_LABELS = {
  anon: 'anon: nobody signed in',
  authenticated: 'authenticated: a user',
  service_role: 'service_role: a service key',
  jwt: 'the holder of a JWT',
};

const SOMEBODY = '5f0c7f4e-4a5b-4f0e-9d5c-0a9c3f1b2d01';
const PRESETS: readonly { label: string; part: Partial<Draft> }[] = [
  { label: 'Anonymous download', part: { who: 'anon', op: 'download' } },
  { label: 'Upload to own folder', part: { who: 'authenticated', op: 'upload', sub: SOMEBODY, name: `${SOMEBODY}/a.png`, mime: 'image/png' } },
  { label: 'Replace by upsert', part: { who: 'authenticated', op: 'upsert' } },
];

export function SimulatorForm({ draft, pending, onChange, onAsk }: SimulatorFormProps) {
  const problem = simulation.problemOf(draft);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!problem) onAsk();
  };
  return (
    <form className="card" aria-label="Question" onSubmit={submit}>
      <div className="cluster" role="group" aria-label="Examples">
        <span className="muted small">Begin with an example:</span>
        {PRESETS.map(({ label, part }) => (
          <Button key={label} className="small" onClick={() => onChange(part)}>
            {label}
          </Button>
        ))}
      </div>
      <CallerFields draft={draft} onChange={onChange} />
      <OperationFields draft={draft} onChange={onChange} />
      {simulation.takesTarget(draft) && <TargetFields draft={draft} onChange={onChange} />}
      {simulation.takesContent(draft) && <ContentFields draft={draft} onChange={onChange} />}
      <p className="muted small" aria-live="polite">
        {problem}
      </p>
      <Button type="submit" tone="primary" busy={pending} disabled={problem !== null}>
        {pending ? 'Asking…' : 'Ask'}
      </Button>
    </form>
  );
}

function CallerFields({ draft, onChange }: PartProps) {
  return (
    <>
      <SelectField
        label="Who"
        value={draft.who}
        options={simulation.WHO.map((who) => ({ value: who, label: WHO_LABELS[who] }))}
        onChange={(who) => onChange({ who })}
      />
      {draft.who === 'jwt' && (
        <SecretField
          label="JWT"
          hint="It is checked as usual, and kept nowhere: not in the address either."
          value={draft.jwt}
          onChange={(event) => onChange({ jwt: event.target.value })}
        />
      )}
      {draft.who === 'authenticated' && (
        <>
          <TextField
            label="Subject"
            hint="The user's id: auth.uid()"
            value={draft.sub}
            onChange={(event) => onChange({ sub: event.target.value })}
          />
          <TextArea
            label="Other claims"
            hint='JSON, such as {"team": "blue"}'
            value={draft.claims}
            onChange={(event) => onChange({ claims: event.target.value })}
          />
        </>
      )}
    </>
  );
}

function OperationFields({ draft, onChange }: PartProps) {
  const isList = simulation.takesName(draft) && !simulation.needsName(draft);
  return (
    <>
      <SelectField
        label="Operation"
        value={draft.op}
        options={simulation.OPS.map((op) => ({ value: op, label: op }))}
        onChange={(op) => onChange({ op })}
      />
      {simulation.takesBucket(draft) && (
        <TextField label="Bucket" value={draft.bucket} onChange={(event) => onChange({ bucket: event.target.value })} />
      )}
      {simulation.takesName(draft) && (
        <TextField
          label={isList ? 'Folder' : 'Object'}
          value={draft.name}
          onChange={(event) => onChange({ name: event.target.value })}
        />
      )}
      {simulation.takesUpsert(draft) && (
        <Switch
          label="Replace what is there (upsert)"
          checked={draft.upsert}
          onChange={(upsert) => onChange({ upsert })}
        />
      )}
    </>
  );
}

function TargetFields({ draft, onChange }: PartProps) {
  return (
    <>
      <TextField label="New name" value={draft.to} onChange={(event) => onChange({ to: event.target.value })} />
      <TextField
        label="Other bucket"
        hint="Empty: the same one"
        value={draft.toBucket}
        onChange={(event) => onChange({ toBucket: event.target.value })}
      />
    </>
  );
}

function ContentFields({ draft, onChange }: PartProps) {
  return (
    <>
      <Field label="Size">
        {(ids) => (
          <SizeInput ids={ids} unitLabel="Unit of the size" size={draft.size} onChange={(size) => onChange({ size })} />
        )}
      </Field>
      <TextField
        label="Content type"
        placeholder="application/octet-stream"
        value={draft.mime}
        onChange={(event) => onChange({ mime: event.target.value })}
      />
    </>
  );
}
