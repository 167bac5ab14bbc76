/** Files that were dropped or chosen, with their paths below the folder they go to. */

export interface PathFile {
  path: string;
  file: File;
}

/** What a drop holds, and how many of its files and folders cannot be read. */
export interface Gathered {
  files: PathFile[];
  unreadable: number;
}

/** Return files of an `<input type="file">`; those of a chosen folder keep their path in it. */
export function filesOfInput(files: Iterable<File>): PathFile[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/**
 * Return what was dropped, folders with everything below them.
 *
 * Call it while the event is under way: afterwards the browser has forgotten what was dropped.
 */
export async function filesOfDrop(transfer: Pick<DataTransfer, 'items' | 'files'>): Promise<Gathered> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return { files: filesOfInput(transfer.files), unreadable: 0 };
  const gathered: Gathered = { files: [], unreadable: 0 };
  for (const entry of entries) await gather(entry, gathered);
  return gathered;
}

async function gather(entry: FileSystemEntry, into: Gathered): Promise<void> {
  try {
    if (isFile(entry)) into.files.push({ path: entry.fullPath.replace(/^\//, ''), file: await fileOf(entry) });
    else for (const child of await entriesIn(entry as FileSystemDirectoryEntry)) await gather(child, into);
  } catch {
    into.unreadable += 1; // It must not keep the others from being uploaded.
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** Browsers give a folder in portions and an empty one at the end. */
async function entriesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return entries;
    entries.push(...portion);
  }
}
