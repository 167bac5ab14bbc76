import { expect, test } from 'vitest';
import { labelOf } from '../../lib/keys';
import type { Row } from '../../lib/listing';
import { selectionOf } from './download';

function row(key: string): Row {
  if (key.endsWith('/')) return { kind: 'folder', key, label: labelOf(key), updatedAt: null };
  return { kind: 'object', key, label: labelOf(key), sizeBytes: 1, mimeType: 'text/plain', updatedAt: '' };
}

const from = (prefix: string, isWholeFolder = false) => ({ place: { bucket: 'b', prefix }, isWholeFolder });

test('an archive holds objects and folders, named after the folder that they are in', () => {
  expect(selectionOf(from('a/'), [row('a/x.txt'), row('a/dir/')])).toEqual({
    ...{ bucket: 'b', names: ['a/x.txt'], prefixes: ['a/dir/'], below: 'a/', file_name: 'a.zip' },
  });
});

test('a whole folder is asked for as such, also what is not listed yet', () => {
  expect(selectionOf(from('a/', true), [row('a/x'), row('a/y')])).toMatchObject({ names: [], prefixes: ['a/'] });
  expect(selectionOf(from('', true), [row('x'), row('y')])).toMatchObject({ prefixes: [''], file_name: 'b.zip' });
});

test('one folder gives its name', () => {
  expect(selectionOf(from('a/'), [row('a/dir/')])).toMatchObject({ prefixes: ['a/dir/'], file_name: 'dir.zip' });
});
