/** Files that were dropped or chosen, with their paths below the folder they go to. */

export interface PathFile {
  path: string;
  file: File;
}

/** Return files of an `<input type="file">`; those of a chosen folder keep their path in it. */
export function filesOfInput(files: Iterable<File>): PathFile[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/**
 * Return what was dropped, folders with everything below them.
 *
 * Call it while the event is under way: afterwards the browser has forgotten what was dropped. The promise
 * rejects when a file or folder cannot be read.
 */
export function filesOfDrop(transfer: DataTransfer): Promise<PathFile[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry());
  const known = entries.filter((entry) => entry !== null);
  if (known.length === 0) return Promise.resolve(filesOfInput(transfer.files));
  return Promise.all(known.map(filesOfEntry)).then((lists) => lists.flat());
}

async function filesOfEntry(entry: FileSystemEntry): Promise<PathFile[]> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const found: PathFile[] = [];
  for (const child of await entriesIn(entry as FileSystemDirectoryEntry)) found.push(...(await filesOfEntry(child)));
  return found;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
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
