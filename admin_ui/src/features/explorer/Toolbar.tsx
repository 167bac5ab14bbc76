import { FolderPlus, ListChecks, RotateCw, Upload } from 'lucide-react';
import type { SortColumn } from '../../api/objects';
import { Button, IconButton } from '../../ui/Button';
import { SearchInput } from '../../ui/Field';
import { Menu, type MenuItem } from '../../ui/Menu';
import { Segments } from '../../ui/Segments';
import { useTyped } from '../../ui/useTyped';
import { chosenRows } from './commands';
import type { Command } from './grid-keys';
import type { Explorer } from './model';

const SCOPES = [
  { value: 'folder', label: 'This folder' },
  { value: 'bucket', label: 'Whole bucket' },
] as const;
const SORTS: readonly { value: string; label: string }[] = [
  { value: 'name asc', label: 'Name, A to Z' },
  { value: 'name desc', label: 'Name, Z to A' },
  { value: 'updated_at desc', label: 'Modified, newest first' },
  { value: 'updated_at asc', label: 'Modified, oldest first' },
  { value: 'created_at desc', label: 'Created, newest first' },
  { value: 'created_at asc', label: 'Created, oldest first' },
];

interface ToolbarProps {
  explorer: Explorer;
  actions: readonly (readonly MenuItem[])[];
  onCommand: (command: Command) => void;
  onMenuClosed: (event: Event) => void;
}

export function Toolbar({ explorer, actions, onCommand, onMenuClosed }: ToolbarProps) {
  const { search, setSearch } = explorer;
  return (
    <div className="cluster">
      <Search key={explorer.place.prefix} explorer={explorer} />
      {search.q && (
        <Segments
          label="Where to search"
          value={search.scope ?? 'folder'}
          options={SCOPES}
          onChange={(scope) => setSearch({ scope })}
        />
      )}
      {!search.q && <SortChoice explorer={explorer} />}
      <IconButton icon={RotateCw} label="Refresh (r)" onClick={explorer.refetch} />
      <span className="grow" />
      <Menu
        trigger={<Button icon={ListChecks}>Actions</Button>}
        groups={actions}
        {...(chosenRows(explorer).length === 0 && { label: 'Choose something in the list first.' })}
        onCloseAutoFocus={onMenuClosed}
      />
      <Button icon={FolderPlus} onClick={() => onCommand('newFolder')}>
        New folder
      </Button>
      <Menu
        trigger={
          <Button icon={Upload} tone="primary">
            Upload
          </Button>
        }
        groups={[
          [
            { label: 'Files…', keys: 'u', onSelect: () => onCommand('upload') },
            { label: 'A folder…', keys: 'Shift+U', onSelect: () => onCommand('uploadFolder') },
          ],
        ]}
      />
    </div>
  );
}

/** The server is asked once the reader pauses. */
function Search({ explorer: { search, setSearch } }: { explorer: Explorer }) {
  const [text, setText] = useTyped(search.q ?? '', (q) => setSearch({ q: q || undefined }));
  return <SearchInput label="Search by name" value={text} onChange={setText} />;
}

function SortChoice({ explorer: { sortBy, setSearch } }: { explorer: Explorer }) {
  const choose = (value: string) => {
    const [sort, order] = value.split(' ') as [SortColumn, 'asc' | 'desc'];
    setSearch({ sort, order });
  };
  return (
    <select
      className="input sort-choice"
      aria-label="Sort by"
      value={`${sortBy.column} ${sortBy.order}`}
      onChange={(event) => choose(event.target.value)}
    >
      {SORTS.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
}
