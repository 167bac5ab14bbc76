import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { freshBucket, succeed } from './client.js';

const NAMES = ['docs/a.txt', 'docs/b.txt', 'docs/deep/c.txt', 'other/d.txt', 'top.txt'];

describe('a bucket with folders', () => {
  let files;

  before(async () => {
    files = await freshBucket();
    for (const name of NAMES) await succeed(files.upload(name, 'x'));
  });

  test('list shows folders with null fields', async () => {
    const entries = await succeed(files.list());
    assert.deepEqual(entries.map(({ name, id }) => [name, id === null]), [
      ['docs', true], ['other', true], ['top.txt', false],
    ]);
    assert.deepEqual(entries[0], {
      name: 'docs', id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null,
    });
  });

  test('list shows metadata of files', async () => {
    const entry = (await succeed(files.list('docs'))).find(({ name }) => name === 'a.txt');
    assert.deepEqual(Object.keys(entry).sort(), [
      'created_at', 'id', 'last_accessed_at', 'metadata', 'name', 'updated_at',
    ]);
    for (const key of ['eTag', 'size', 'mimetype', 'cacheControl', 'lastModified', 'contentLength', 'httpStatusCode']) {
      assert.ok(key in entry.metadata, key);
    }
    assert.deepEqual([entry.metadata.size, entry.metadata.httpStatusCode], [1, 200]);
  });

  test('list searches by the beginning of the name', async () => {
    const names = (await succeed(files.list('docs', { search: 'B' }))).map(({ name }) => name);
    assert.deepEqual(names, ['b.txt']);
    assert.deepEqual(await succeed(files.list('docs', { search: '.txt' })), []);
  });

  test('list pages by limit and offset', async () => {
    const page = await succeed(files.list('docs', { limit: 1, offset: 1 }));
    assert.deepEqual(page.map(({ name }) => name), ['b.txt']);
  });

  test('list sorts by name descending', async () => {
    const page = await succeed(files.list('', { sortBy: { column: 'name', order: 'desc' } }));
    assert.deepEqual(page.map(({ name }) => name), ['top.txt', 'other', 'docs']);
  });

  test('list of an unknown folder is empty', async () => {
    assert.deepEqual(await succeed(files.list('nowhere')), []);
  });

  test('listV2 gives full names without folders', async () => {
    const page = await succeed(files.listV2({ prefix: 'docs/' }));
    assert.deepEqual(page.folders, []);
    assert.deepEqual(page.objects.map(({ name }) => name), ['docs/a.txt', 'docs/b.txt', 'docs/deep/c.txt']);
    assert.equal(page.hasNext, false);
    assert.ok(!('nextCursor' in page));
  });

  test('listV2 with a delimiter gives folders with key and name', async () => {
    const page = await succeed(files.listV2({ prefix: 'docs/', with_delimiter: true }));
    assert.deepEqual(page.folders.map(({ key, name }) => [key, name]), [['deep', 'docs/deep/']]);
    assert.deepEqual(page.objects.map(({ key, name }) => [key, name]), [
      ['a.txt', 'docs/a.txt'], ['b.txt', 'docs/b.txt'],
    ]);
  });

  test('listV2 walks all pages in name order', async () => {
    const names = [];
    let cursor;
    do {
      const page = await succeed(files.listV2({ limit: 2, cursor }));
      names.push(...page.objects.map(({ name }) => name));
      cursor = page.nextCursor;
    } while (cursor);
    assert.deepEqual(names, NAMES);
  });
});
