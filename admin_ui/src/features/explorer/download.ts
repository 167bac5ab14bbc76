import { downloadAddress, saveArchive } from '../../api/objects';
import { labelOf } from '../../lib/keys';
import type { Row } from '../../lib/listing';
import type { Explorer } from './model';

/** Save rows: one object as it is, more as an archive that the server makes while it sends it. */
export function download({ place: { bucket, prefix }, isWholeFolder }: Explorer, rows: readonly Row[]): void {
  const [first] = rows;
  if (!first) return;
  if (rows.length === 1 && first.kind === 'object') return save(downloadAddress({ bucket, name: first.key }));
  const keysOf = (kind: Row['kind']) => rows.filter((row) => row.kind === kind).map((row) => row.key);
  const isWhole = isWholeFolder && rows.length > 1;
  saveArchive({
    bucket,
    names: isWhole ? [] : keysOf('object'),
    prefixes: isWhole ? [prefix] : keysOf('folder'),
    below: prefix,
    file_name: `${rows.length === 1 ? first.label : prefix === '' ? bucket : labelOf(prefix)}.zip`,
  });
}

function save(address: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = '';
  link.click();
}
