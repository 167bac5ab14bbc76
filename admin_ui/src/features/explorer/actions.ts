import {
  ClipboardPaste,
  Copy,
  Download,
  Eye,
  FolderInput,
  FolderOpen,
  Info,
  Link,
  Pencil,
  Scissors,
  Share2,
  Tags,
  Trash2,
} from 'lucide-react';
import { isStored, type Row } from '../../lib/listing';
import type { ExplorerTab } from '../../lib/search';
import type { MenuItem } from '../../ui/Menu';
import type { TransferMode } from './transfer-plan';

/** What can be done with rows; each does it at once or opens the dialog that asks for the rest. */
export interface RowActions {
  open: (row: Row) => void;
  /** Open the folder that the row lies in, and show the row there. */
  reveal: (row: Row) => void;
  showTab: (row: Row, tab: ExplorerTab) => void;
  download: (rows: readonly Row[]) => void;
  copyPublicUrl: (row: Row) => void;
  rename: (row: Row) => void;
  transfer: (mode: TransferMode, rows: readonly Row[]) => void;
  clip: (mode: TransferMode, rows: readonly Row[]) => void;
  paste: () => void;
  remove: (rows: readonly Row[]) => void;
}

export interface ActionContext {
  isPublic: boolean;
  canPaste: boolean;
  /** The rows were searched for, and lie in other folders too. */
  isSearch: boolean;
}

/** Return the menu for `rows`, with what makes sense for them only. */
export function menuFor(rows: readonly Row[], does: RowActions, context: ActionContext): MenuItem[][] {
  const { isPublic, canPaste, isSearch } = context;
  // The server knows nothing of pending folders: there is nothing to move, copy or download.
  const stored = rows.filter(isStored);
  const one = rows.length === 1 ? rows[0] : undefined;
  const object = one?.kind === 'object' ? one : undefined;
  return [
    one ? openItems(one, does, isSearch) : [],
    stored.length > 0 ? [item('Download', Download, () => does.download(stored))] : [],
    object ? linkItems(object, does, isPublic) : [],
    [...(one ? [renameItem(one, does)] : []), ...(stored.length > 0 ? placeItems(stored, does) : [])],
    clipItems(stored, does, canPaste),
    object ? [item('Edit metadata…', Tags, () => does.showTab(object, 'metadata'))] : [],
    rows.length > 0 ? [{ ...item('Delete…', Trash2, () => does.remove(rows), 'Del'), tone: 'danger' as const }] : [],
  ];
}

function openItems(row: Row, does: RowActions, isSearch: boolean): MenuItem[] {
  if (row.kind === 'folder') return [item('Open', Eye, () => does.open(row), 'Enter')];
  return [
    item('Preview', Eye, () => does.open(row), 'Enter'),
    item('Details', Info, () => does.showTab(row, 'details'), 'i'),
    ...(isSearch ? [item('Go to its folder', FolderOpen, () => does.reveal(row))] : []),
  ];
}

function linkItems(row: Row, does: RowActions, isPublic: boolean): MenuItem[] {
  const signed = item('Signed URL…', Share2, () => does.showTab(row, 'share'), 's');
  return isPublic ? [item('Copy public URL', Link, () => does.copyPublicUrl(row)), signed] : [signed];
}

function renameItem(row: Row, does: RowActions): MenuItem {
  return item('Rename…', Pencil, () => does.rename(row), 'F2');
}

function placeItems(rows: readonly Row[], does: RowActions): MenuItem[] {
  return [
    item('Move to…', FolderInput, () => does.transfer('move', rows)),
    item('Copy to…', Copy, () => does.transfer('copy', rows)),
  ];
}

function clipItems(rows: readonly Row[], does: RowActions, canPaste: boolean): MenuItem[] {
  const clip = [
    item('Cut', Scissors, () => does.clip('move', rows), 'Ctrl+X'),
    item('Copy', Copy, () => does.clip('copy', rows), 'Ctrl+C'),
  ];
  const paste = { ...item('Paste', ClipboardPaste, does.paste, 'Ctrl+V'), disabled: !canPaste };
  return rows.length > 0 ? [...clip, paste] : [paste];
}

function item(label: string, icon: MenuItem['icon'] & object, onSelect: () => void, keys?: string): MenuItem {
  return { label, icon, onSelect, ...(keys !== undefined && { keys }) };
}
