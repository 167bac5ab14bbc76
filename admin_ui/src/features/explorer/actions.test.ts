import { describe, expect, it } from 'vitest';

import type { FolderRow, ObjectRow } from '../../lib/listing';
import { menuFor, type RowActions } from './actions';

const FOLDER: FolderRow = { kind: 'folder', key: 'a/', label: 'a', updatedAt: null };
const OBJECT: ObjectRow = { kind: 'object', key: 'x', label: 'x', sizeBytes: 1, mimeType: 'text/plain', updatedAt: '' };
const CONTEXT = { isPublic: false, canPaste: false, isSearch: false };

function labelsFor(rows: Parameters<typeof menuFor>[0], context = CONTEXT): string[] {
  return menuFor(rows, {} as RowActions, context).flatMap((group) => group.map(({ label }) => label));
}

describe('the menu', () => {
  it('of nothing can only paste', () => expect(labelsFor([])).toEqual(['Paste']));

  it('of a public object has its address, of another one only a signed one', () => {
    expect(labelsFor([OBJECT], { ...CONTEXT, isPublic: true })).toContain('Copy public URL');
    expect(labelsFor([OBJECT])).not.toContain('Copy public URL');
    expect(labelsFor([OBJECT])).toContain('Signed URL…');
  });

  it('of several rows has nothing that is about one', () => {
    const labels = labelsFor([OBJECT, FOLDER]);
    expect(labels).toEqual(['Download', 'Move to…', 'Copy to…', 'Cut', 'Copy', 'Paste', 'Delete…']);
  });

  it('of a folder that nothing lies in yet has nothing that the server would have to do', () => {
    expect(labelsFor([{ ...FOLDER, isPending: true }])).toEqual(['Open', 'Rename…', 'Paste', 'Delete…']);
  });

  it('of what was found leads to its folder', () => {
    expect(labelsFor([OBJECT], { ...CONTEXT, isSearch: true })).toContain('Go to its folder');
  });

  it('has no label twice: they are its keys', () => {
    const labels = labelsFor([OBJECT], { isPublic: true, canPaste: true, isSearch: true });
    expect(new Set(labels).size).toBe(labels.length);
  });
});
