import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useDeferredValue, useId, useState, type KeyboardEvent } from 'react';
import { bucketsQuery } from '../api/queries';
import { folderLink } from '../lib/route';
import { Dialog } from '../ui/Dialog';
import { setPreferences, THEMES } from '../ui/preferences';
import { usePlaces } from './Nav';

interface Command {
  id: string;
  group: 'Page' | 'Bucket' | 'Action';
  label: string;
  run: () => void;
}

interface PaletteProps {
  onClose: () => void;
  onHelp: () => void;
}

const MAX_BUCKETS = 50;

/** Goes to any page or bucket by typing a part of its name. */
export function CommandPalette({ onClose, onHelp }: PaletteProps) {
  const [typed, setTyped] = useState('');
  const [active, setActive] = useState(0);
  const commands = useCommands(typed, onHelp);
  const listId = useId();
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const moved = movedTo(event.key, active, commands.length);
    if (moved !== null) setActive(moved);
    else if (event.key === 'Enter') run(commands[active]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <input
        className="input"
        autoFocus
        role="combobox"
        aria-label="Page, bucket or action"
        aria-expanded
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={commands[active] && `${listId}-${active}`}
        placeholder="Page, bucket or action"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setActive(0);
        }}
        onKeyDown={press}
      />
      <CommandList id={listId} commands={commands} active={active} onRun={run} />
    </Dialog>
  );
}

interface CommandListProps {
  id: string;
  commands: readonly Command[];
  active: number;
  onRun: (command: Command) => void;
}

function CommandList({ id, commands, active, onRun }: CommandListProps) {
  return (
    <>
      <div id={id} role="listbox" aria-label="Matches" className="palette-list">
        {commands.map((command, index) => (
          <div
            key={command.id}
            ref={index === active ? scrollIntoList : null}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            className="menu-item"
            onClick={() => onRun(command)}
            onKeyDown={() => undefined}
          >
            <bdi className="grow truncate">{command.label}</bdi>
            <span className="muted small">{command.group}</span>
          </div>
        ))}
      </div>
      <p role="status" className="muted small">
        {commands.length === 0 ? 'Nothing has that in its name.' : `Matches: ${commands.length}`}
      </p>
    </>
  );
}

function scrollIntoList(element: HTMLElement | null): void {
  element?.scrollIntoView({ block: 'nearest' });
}

function useCommands(typed: string, onHelp: () => void): Command[] {
  const navigate = useNavigate();
  const places = usePlaces();
  const search = useDeferredValue(typed.trim());
  const buckets = useInfiniteQuery(bucketsQuery({ search, sortColumn: 'name', sortOrder: 'asc' }));
  const fixed: Command[] = [
    ...places.map(({ to, label }) => ({ id: to, group: 'Page', label, run: () => void navigate({ to }) }) as const),
    ...THEMES.map(
      (theme) => ({ id: theme, group: 'Action', label: `Theme: ${theme}`, run: () => setPreferences({ theme }) }) as const,
    ),
    { id: 'help', group: 'Action', label: 'Keyboard help', run: onHelp },
  ];
  const found = (buckets.data?.pages[0] ?? []).slice(0, MAX_BUCKETS).map(
    ({ id }): Command => ({
      id: `bucket ${id}`,
      group: 'Bucket',
      label: id,
      run: () => void navigate({ ...folderLink(id, ''), search: {} }),
    }),
  );
  return [...fixed, ...found].filter(({ label }) => label.toLowerCase().includes(typed.trim().toLowerCase()));
}

function movedTo(key: string, active: number, count: number): number | null {
  if (count === 0) return null;
  if (key === 'ArrowDown') return (active + 1) % count;
  if (key === 'ArrowUp') return (active + count - 1) % count;
  return null;
}
