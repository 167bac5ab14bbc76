import { Link } from '@tanstack/react-router';
import { ChevronRight, Ellipsis, Pencil } from 'lucide-react';
import { type SubmitEvent, useState } from 'react';
import { type Crumb, crumbsOf, folderProblem, toPrefix } from '../../lib/keys';
import { folderLink } from '../../lib/route';
import { Button, IconButton } from '../../ui/Button';
import { TextField } from '../../ui/Field';
import { Icon } from '../../ui/Icon';
import { Menu } from '../../ui/Menu';
import { type OnDrop, useDropTarget } from './drag';
import type { Place } from './listing-query';

const SHOWN_AT_END = 2;

interface CrumbsProps {
  place: Place;
  editing: boolean;
  onEdit: (editing: boolean) => void;
  onOpen: (prefix: string) => void;
  onDrop: OnDrop;
}

/** The way to the open folder. What does not fit is in a menu; the whole can be typed. */
export function Crumbs({ place, editing, onEdit, onOpen, onDrop }: CrumbsProps) {
  if (editing) return <PathForm place={place} onEdit={onEdit} onOpen={onOpen} />;
  const all: Crumb[] = [{ label: place.bucket, prefix: '' }, ...crumbsOf(place.prefix)];
  const hidden = all.slice(1, -SHOWN_AT_END);
  const shown = [all[0], ...all.slice(1).slice(-SHOWN_AT_END)].filter((crumb) => crumb !== undefined);
  return (
    <nav aria-label="Folders" className="cluster">
      <ol className="crumbs">
        {shown.map((crumb, index) => (
          <li key={crumb.prefix}>
            {index > 0 && <Icon of={ChevronRight} />}
            {index === 1 && hidden.length > 0 && <HiddenCrumbs crumbs={hidden} onOpen={onOpen} />}
            <CrumbLink place={place} crumb={crumb} onOpen={onOpen} onDrop={onDrop} />
          </li>
        ))}
      </ol>
      <IconButton icon={Pencil} label="Edit the path (Ctrl+L)" onClick={() => onEdit(true)} />
    </nav>
  );
}

function HiddenCrumbs({ crumbs, onOpen }: { crumbs: readonly Crumb[]; onOpen: (prefix: string) => void }) {
  const items = crumbs.map(({ label, prefix }) => ({ label: label || '(no name)', onSelect: () => onOpen(prefix) }));
  return (
    <>
      <Menu align="start" trigger={<IconButton icon={Ellipsis} label="Folders between" />} groups={[items]} />
      <Icon of={ChevronRight} />
    </>
  );
}

interface CrumbLinkProps {
  place: Place;
  crumb: Crumb;
  onOpen: (prefix: string) => void;
  onDrop: OnDrop;
}

function CrumbLink({ place: { bucket, prefix }, crumb, onOpen, onDrop }: CrumbLinkProps) {
  const to = { bucket, prefix: crumb.prefix };
  const { isOver, handlers } = useDropTarget(to, onDrop, () => onOpen(crumb.prefix));
  return (
    <Link
      {...folderLink(bucket, crumb.prefix)}
      search={({ sort, order }) => ({ sort, order })}
      className="crumb"
      aria-current={crumb.prefix === prefix ? 'location' : undefined}
      data-over={isOver || undefined}
      draggable={false}
      {...handlers}
    >
      <bdi className="truncate">{crumb.label || '(no name)'}</bdi>
    </Link>
  );
}

function PathForm({ place, onEdit, onOpen }: Pick<CrumbsProps, 'place' | 'onEdit' | 'onOpen'>) {
  const [text, setText] = useState(place.prefix);
  const prefix = toPrefix(text, place.prefix);
  const problem = folderProblem(prefix);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (problem !== null) return;
    onEdit(false);
    onOpen(prefix);
  };
  return (
    <form className="cluster" onSubmit={submit}>
      <div className="grow">
        <TextField
          label={`Folder in ${place.bucket}`}
          value={text}
          error={problem}
          autoFocus
          onFocus={(event) => event.target.select()}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === 'Escape' && onEdit(false)}
        />
      </div>
      <Button type="submit" tone="primary">
        Go
      </Button>
      <Button onClick={() => onEdit(false)}>Cancel</Button>
    </form>
  );
}
