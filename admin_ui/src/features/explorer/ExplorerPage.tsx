import { type ComponentType, type KeyboardEvent, type RefObject, useMemo } from 'react';
import { type Listing, rowAt } from '../../lib/listing';
import type { ExplorerSearch, ExplorerTab } from '../../lib/search';
import { BucketTabs } from '../../ui/BucketTabs';
import { PageHead } from '../../ui/PageHead';
import { ActionDialog } from './ActionDialog';
import { ActivityRows } from './ActivityRows';
import { pressAnywhere } from './commands';
import { ConflictQuestion } from './ConflictQuestion';
import { Crumbs } from './Crumbs';
import { useDropTarget } from './drag';
import { useFocusInNewFolder, useFollowingPreview, useRefreshAfterUploads } from './effects';
import { Grid } from './Grid';
import { ListState, Status } from './ListState';
import type { Place } from './listing-query';
import { type Explorer, useExplorer } from './model';
import { Toolbar } from './Toolbar';
import { placeName } from './transfer-plan';
import { type Uploads, useExplorerView } from './useExplorerView';
import './explorer.css';

export type { Uploads } from './useExplorerView';

export interface PreviewProps {
  bucket: string;
  name: string;
  tab: ExplorerTab;
  onTab: (tab: ExplorerTab) => void;
  onClose: () => void;
  /** Go to the next object of the list, or the one before; null when there is none. */
  onNext: (() => void) | null;
  onPrevious: (() => void) | null;
}

interface ExplorerPageProps extends Place {
  search: ExplorerSearch;
  uploads: Uploads;
  Preview: ComponentType<PreviewProps>;
  Unfinished: ComponentType<{ bucket: string }>;
}

/** The objects of a bucket, folder by folder. Uploads and the preview come from outside. */
export function ExplorerPage({ bucket, prefix, search, uploads, Preview, Unfinished }: ExplorerPageProps) {
  const place = useMemo(() => ({ bucket, prefix }), [bucket, prefix]);
  const explorer = useExplorer(place, search);
  const view = useExplorerView(explorer, uploads);
  useRefreshAfterUploads(uploads.onStored, bucket);
  useFocusInNewFolder(view.grid, prefix, explorer.isLoaded);
  useFollowingPreview(explorer);
  const press = (event: KeyboardEvent<HTMLElement>) => pressAnywhere(event, view.run, view.focusGrid);
  return (
    // Keys that no element inside has answered.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <section className="explorer" aria-label={`Objects of ${bucket}`} onKeyDown={press}>
      <PageHead title={bucket} />
      <BucketTabs bucket={bucket} />
      <div className="explorer-place">
        <Crumbs
          place={place}
          editing={view.isEditingPath}
          onEdit={view.editPath}
          onOpen={(folder) => explorer.openFolder(folder)}
          onDrop={view.drop}
        />
        <Status explorer={explorer} />
      </div>
      <Toolbar explorer={explorer} actions={view.menu} onCommand={view.run} onMenuClosed={view.events.onMenuClosed} />
      <Unfinished bucket={bucket} />
      <ActivityRows />
      <div className="explorer-main">
        <List explorer={explorer} view={view} />
        <ShownPreview explorer={explorer} Preview={Preview} onClosed={view.focusGrid} />
      </div>
      <FileInput inputRef={view.inputs.files} onFiles={view.upload} />
      <FileInput inputRef={view.inputs.folder} isFolder onFiles={view.upload} />
      {view.asking && <ActionDialog asking={view.asking} explorer={explorer} onClose={view.closeDialog} />}
      <ConflictQuestion />
    </section>
  );
}

function List({ explorer, view }: { explorer: Explorer; view: ReturnType<typeof useExplorerView> }) {
  const { isOver, handlers } = useDropTarget(explorer.place, view.drop);
  return (
    <div className="explorer-list" data-over={isOver || undefined} {...handlers}>
      <ListState explorer={explorer} onUpload={() => view.run('upload')}>
        <Grid
          explorer={explorer}
          gridRef={view.grid}
          menuKey={view.menuKey}
          events={view.events}
          onCommand={view.run}
        />
      </ListState>
      {isOver && <div className="drop-overlay">Drop into {placeName(explorer.place)}</div>}
    </div>
  );
}

interface ShownPreviewProps {
  explorer: Explorer;
  Preview: ComponentType<PreviewProps>;
  onClosed: () => void;
}

function ShownPreview({ explorer, Preview, onClosed }: ShownPreviewProps) {
  const { search, setSearch, place, listing, indexOf, dispatch } = explorer;
  const name = search.preview;
  if (name === undefined) return null;
  const show = (key: string | null) => {
    if (key === null) return null;
    return () => {
      dispatch({ type: 'select', key });
      setSearch({ preview: key });
    };
  };
  return (
    <Preview
      bucket={place.bucket}
      name={name}
      tab={search.tab ?? 'preview'}
      onTab={(tab) => setSearch({ tab: tab === 'preview' ? undefined : tab })}
      onClose={() => {
        setSearch({ preview: undefined, tab: undefined });
        onClosed();
      }}
      onNext={show(objectBeside(listing, indexOf(name), 1))}
      onPrevious={show(objectBeside(listing, indexOf(name), -1))}
    />
  );
}

function objectBeside(listing: Listing, index: number, step: 1 | -1): string | null {
  const row = index < 0 ? undefined : rowAt(listing, index + step);
  return row?.kind === 'object' ? row.key : null;
}

interface FileInputProps {
  inputRef: RefObject<HTMLInputElement | null>;
  isFolder?: boolean;
  onFiles: (files: Iterable<File>) => void;
}

/** The browser's own dialog for files, opened by buttons and keys. */
function FileInput({ inputRef, isFolder = false, onFiles }: FileInputProps) {
  return (
    <input
      ref={inputRef}
      type="file"
      multiple
      hidden
      aria-label={isFolder ? 'Folder to upload' : 'Files to upload'}
      {...(isFolder && { webkitdirectory: '' })}
      onChange={(event) => {
        onFiles([...(event.target.files ?? [])]);
        // So that choosing the same files again is a change.
        event.target.value = '';
      }}
    />
  );
}
