import { describe, expect, it } from 'vitest';

import { labelOf } from '../../lib/keys';
import type { Row } from '../../lib/listing';
import { planTransfer } from './transfer-plan';

function row(key: string): Row {
  if (key.endsWith('/')) return { kind: 'folder', key, label: labelOf(key), updatedAt: null };
  return { kind: 'object', key, label: labelOf(key), sizeBytes: 1, mimeType: 'text/plain', updatedAt: '' };
}

const rows = (...keys: string[]) => keys.map(row);

describe('moves', () => {
  it('keep the last part of each name', () => {
    const plan = planTransfer('move', 'b', rows('a/x.txt', 'a/dir/'), { bucket: 'b', prefix: 'c/' });
    expect(plan).toMatchObject({
      objects: [{ from: 'a/x.txt', to: 'c/x.txt' }],
      folders: [{ from: 'a/dir/', to: 'c/dir/' }],
    });
  });

  it('to the root of the bucket leave no slash at the beginning', () => {
    const plan = planTransfer('move', 'b', rows('a/x.txt'), { bucket: 'b', prefix: '' });
    expect(plan).toMatchObject({ objects: [{ to: 'x.txt' }] });
  });

  it('leave out what is there already, and say so when that is everything', () => {
    const to = { bucket: 'b', prefix: 'a/' };
    expect(planTransfer('move', 'b', rows('a/x', 'b/y'), to)).toMatchObject({ objects: [{ from: 'b/y' }] });
    expect(planTransfer('move', 'b', rows('a/x'), to)).toMatch(/already/);
  });

  it.each(['a/dir/', 'a/dir/deeper/'])('of a folder into %s, itself, are refused', (prefix) => {
    expect(planTransfer('move', 'b', rows('a/dir/'), { bucket: 'b', prefix })).toMatch(/into itself/);
  });

  it('into a folder whose name only begins alike are fine', () => {
    const plan = planTransfer('move', 'b', rows('a/dir/'), { bucket: 'b', prefix: 'a/dir2/' });
    expect(plan).toMatchObject({ folders: [{ to: 'a/dir2/dir/' }] });
  });

  it('to the same prefix of another bucket are moves', () => {
    const plan = planTransfer('move', 'b', rows('a/dir/'), { bucket: 'c', prefix: 'a/' });
    expect(plan).toMatchObject({ toBucket: 'c', folders: [{ to: 'a/dir/' }] });
  });

  it('to names that would be too long are refused before anything is done', () => {
    const plan = planTransfer('move', 'b', rows('x.txt'), { bucket: 'b', prefix: `${'d'.repeat(1020)}/` });
    expect(plan).toMatch(/1024 bytes/);
  });
});

describe('objects whose names end with a slash', () => {
  const marker: Row = { ...(row('a/dir/x') as Row & { kind: 'object' }), key: 'a/dir/', label: '' };

  it('lie in the folder that they are named after, and move by themselves', () => {
    const plan = planTransfer('move', 'b', [marker], { bucket: 'b', prefix: 'c/' });
    expect(plan).toMatchObject({ objects: [{ from: 'a/dir/', to: 'c/' }], folders: [] });
    expect(planTransfer('move', 'b', [marker], { bucket: 'b', prefix: 'a/dir/' })).toMatch(/already/);
  });

  it('have no name at the root of a bucket', () => {
    expect(planTransfer('move', 'b', [marker], { bucket: 'b', prefix: '' })).toMatch(/Enter a name/);
  });
});

describe('the folder without a name', () => {
  it('goes as a folder, and not as what is in it', () => {
    const plan = planTransfer('move', 'b', rows('/'), { bucket: 'b', prefix: 'x/' });
    expect(plan).toMatchObject({ folders: [{ from: '/', to: 'x//' }] });
  });
});

describe('copies', () => {
  it('in the same folder get another name', () => {
    const plan = planTransfer('copy', 'b', rows('a/x.txt', 'a/dir/'), { bucket: 'b', prefix: 'a/' });
    expect(plan).toMatchObject({ objects: [{ to: 'a/x (2).txt' }], folders: [{ to: 'a/dir (2)/' }] });
  });

  it('in the same folder pass over names that are known to be taken', () => {
    const isTaken = (key: string) => key === 'a/dir (2)/';
    const plan = planTransfer('copy', 'b', rows('a/dir/'), { bucket: 'b', prefix: 'a/' }, isTaken);
    expect(plan).toMatchObject({ folders: [{ to: 'a/dir (3)/' }] });
  });

  it('of a folder into itself are refused', () => {
    expect(planTransfer('copy', 'b', rows('a/'), { bucket: 'b', prefix: 'a/' })).toMatch(/into itself/);
  });
});
