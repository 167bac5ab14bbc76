import { Plus, X } from 'lucide-react';
import { type SubmitEvent, useState } from 'react';
import { changeMetadata } from '../../api/objects';
import { queryClient } from '../../api/queries';
import type { ObjectInfo } from '../../api/types';
import { Notice } from '../../ui/Badge';
import { Button, IconButton } from '../../ui/Button';
import { TextArea, TextField } from '../../ui/Field';
import { toast, toastError } from '../../ui/Toast';
import { draftAbout, keepDraft, useDraft } from './drafts';
import { factsQuery } from './facts';
import {
  draftOf,
  draftProblem,
  isDirty,
  type MetadataDraft,
  metadataOf,
  type MetadataRow,
  toggledRaw,
} from './metadata';

/** Edits content type, Cache-Control and user metadata. What is not saved waits until somebody comes back. */
export function MetadataEditor({ facts }: { facts: ObjectInfo }) {
  const [kept, keep] = useDraft(facts);
  const [pending, setPending] = useState(false);
  const draft = kept ?? draftOf(facts);
  const dirty = kept !== undefined && isDirty(kept, facts);
  const problem = draftProblem(draft);
  const change = (part: Partial<MetadataDraft>) => keep({ ...draft, ...part });
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!dirty || problem !== null || pending) return;
    setPending(true);
    await store(facts, draft);
    setPending(false);
  };
  return (
    <form className="stack preview-form" onSubmit={(event) => void save(event)} noValidate>
      <TextField
        label="Content type"
        value={draft.contentType}
        onChange={(event) => change({ contentType: event.target.value })}
      />
      <TextField
        label="Cache-Control"
        hint="How long browsers and caches may keep it, such as max-age=3600."
        value={draft.cacheControl}
        onChange={(event) => change({ cacheControl: event.target.value })}
      />
      {draft.isRaw && <RawJson draft={draft} onChange={change} />}
      {!draft.isRaw && <Rows rows={draft.rows} onChange={(rows) => change({ rows })} />}
      <RawToggle draft={draft} onToggle={keep} />
      {problem !== null && <Notice tone="danger">{problem}</Notice>}
      <div className="cluster">
        <Button type="submit" tone="primary" disabled={!dirty || problem !== null || pending}>
          {pending ? 'Saving…' : 'Save'}
        </Button>
        {kept && <Button onClick={() => keep(null)}>Discard changes</Button>}
        {dirty && <span className="muted small">Not saved yet</span>}
      </div>
    </form>
  );
}

/** Store a draft, and drop it unless it has been changed meanwhile. */
async function store(facts: ObjectInfo, draft: MetadataDraft): Promise<void> {
  const { bucket, name } = facts;
  try {
    const changed = await changeMetadata({
      ...{ bucket, name, content_type: draft.contentType.trim() },
      ...{ cache_control: draft.cacheControl.trim(), user_metadata: metadataOf(draft) },
    });
    queryClient.setQueryData(factsQuery(facts).queryKey, changed);
    if (draftAbout(facts) === draft) keepDraft(facts, null);
    void queryClient.invalidateQueries({ queryKey: ['listing', bucket] });
    toast({ tone: 'good', title: 'Metadata saved' });
  } catch (error) {
    toastError('The metadata was not saved', error);
  }
}

interface RowsProps {
  rows: readonly MetadataRow[];
  onChange: (rows: readonly MetadataRow[]) => void;
}

function Rows({ rows, onChange }: RowsProps) {
  const replace = (index: number, part: Partial<MetadataRow>) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <fieldset className="stack">
      <legend className="label">User metadata</legend>
      {rows.length === 0 && <p className="muted">None yet.</p>}
      {rows.map((row, index) => (
        // Rows have no identity but their place.
        // oxlint-disable-next-line react/no-array-index-key
        <div key={index} className="input-row">
          <input
            className="input"
            aria-label={`Name ${index + 1}`}
            placeholder="name"
            value={row.name}
            onChange={(event) => replace(index, { name: event.target.value })}
          />
          <input
            className="input"
            aria-label={`Value ${index + 1}`}
            placeholder="value"
            value={row.value}
            onChange={(event) => replace(index, { value: event.target.value })}
          />
          <IconButton
            icon={X}
            label={`Remove ${row.name || `row ${index + 1}`}`}
            onClick={() => onChange(rows.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <div>
        <Button icon={Plus} onClick={() => onChange([...rows, { name: '', value: '' }])}>
          Add
        </Button>
      </div>
    </fieldset>
  );
}

function RawJson({ draft, onChange }: { draft: MetadataDraft; onChange: (part: Partial<MetadataDraft>) => void }) {
  return (
    <TextArea
      label="User metadata as JSON"
      rows={8}
      value={draft.json}
      onChange={(event) => onChange({ json: event.target.value })}
    />
  );
}

function RawToggle({ draft, onToggle }: { draft: MetadataDraft; onToggle: (draft: MetadataDraft) => void }) {
  const [refusal, setRefusal] = useState<string | null>(null);
  const toggle = () => {
    try {
      onToggle(toggledRaw(draft));
      setRefusal(null);
    } catch (error) {
      setRefusal((error as Error).message);
    }
  };
  return (
    <div className="cluster">
      <Button tone="quiet" onClick={toggle}>
        {draft.isRaw ? 'Edit as rows' : 'Edit as JSON'}
      </Button>
      <span className="muted small" aria-live="polite">
        {refusal}
      </span>
    </div>
  );
}
