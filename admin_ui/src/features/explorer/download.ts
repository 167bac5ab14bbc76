import type { ApiError } from '../../api/error';
import { downloadAddress } from '../../api/objects';
import { configQuery, queryClient } from '../../api/queries';
import { saveArchive, saveFile, type ZipSelection } from '../../api/save';
import { formatCount } from '../../lib/format';
import { labelOf } from '../../lib/keys';
import type { Row } from '../../lib/listing';
import { toast, toastError } from '../../ui/Toast';
import type { Explorer } from './model';

type From = Pick<Explorer, 'place' | 'isWholeFolder'>;

/** Save rows: one object as it is, more as an archive that the server makes while it sends it. */
export function download(from: From, rows: readonly Row[]): void {
  const [first] = rows;
  if (!first) return;
  const tell = (error: ApiError) => toastError(`“${first.label}”${rows.length > 1 ? ' and more' : ''} not saved`, error);
  if (rows.length === 1 && first.kind === 'object') {
    return saveFile(downloadAddress({ bucket: from.place.bucket, name: first.key }), tell);
  }
  const selection = selectionOf(from, rows);
  const most = queryClient.getQueryData(configQuery.queryKey)?.limits.zip_names_max ?? Infinity;
  if (selection.names.length <= most) return saveArchive(selection, tell);
  const detail = `An archive takes ${formatCount(most)} of them. Select fewer, or the folder that they are in.`;
  toast({ tone: 'danger', title: 'Too many objects for one archive', detail });
}

/** Return what an archive of `rows` holds, of which there is at least one. */
export function selectionOf({ place: { bucket, prefix }, isWholeFolder }: From, rows: readonly Row[]): ZipSelection {
  const keysOf = (kind: Row['kind']) => rows.filter((row) => row.kind === kind).map((row) => row.key);
  const only = rows.length === 1 ? rows[0] : undefined;
  const isWhole = isWholeFolder && !only;
  return {
    bucket,
    names: isWhole ? [] : keysOf('object'),
    prefixes: isWhole ? [prefix] : keysOf('folder'),
    below: prefix,
    file_name: `${only?.label ?? (labelOf(prefix) || bucket)}.zip`,
  };
}
