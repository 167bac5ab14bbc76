import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshBucket, service, succeed, unique, user } from './client.js';

test('info is camel case and has no updatedAt', async () => {
  const files = await freshBucket();
  await succeed(files.upload('dir/a.txt', 'hello', { contentType: 'text/plain' }));
  const info = await succeed(files.info('dir/a.txt'));
  assert.deepEqual(Object.keys(info).sort(), [
    'bucketId', 'cacheControl', 'contentType', 'createdAt', 'etag', 'id', 'lastModified', 'metadata',
    'name', 'size', 'version',
  ]);
  assert.deepEqual(
    [info.name, info.bucketId, info.size, info.contentType, info.metadata],
    ['dir/a.txt', files.bucketId, 5, 'text/plain', {}],
  );
});

test('exists tells present from absent and throws for a missing bucket', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'x'));
  assert.equal((await files.exists('a.txt')).data, true);
  assert.equal((await files.exists('b.txt')).data, false);
  await assert.rejects(service.from(unique('absent')).exists('a.txt'), /Bucket not found/);
});

test('download of a missing object is an error with the wire fields', async () => {
  const files = await freshBucket();
  const { data, error } = await files.download('absent.txt');
  assert.equal(data, null);
  assert.deepEqual(
    [error.status, error.statusCode, error.message, error.code],
    [400, '404', 'Object not found', 'NoSuchKey'],
  );
});

test('download as a stream gives the same bytes', async () => {
  const files = await freshBucket();
  const content = Buffer.alloc(300_000, 'abc');
  await succeed(files.upload('a.bin', content));
  const stream = await succeed(files.download('a.bin').asStream());
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.ok(Buffer.concat(chunks).equals(content));
});

test('download with a cache nonce ignores the extra query', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'x'));
  assert.equal(await (await succeed(files.download('a.txt', { cacheNonce: 'n' }))).text(), 'x');
});

test('copy within a bucket returns the new key', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'x', { metadata: { kept: true } }));
  const { path } = await succeed(files.copy('a.txt', 'b.txt'));
  assert.equal(path, `${files.bucketId}/b.txt`);
  assert.deepEqual((await succeed(files.info('b.txt'))).metadata, { kept: true });
});

test('copy and move reach another bucket', async () => {
  const [files, other] = [await freshBucket(), await freshBucket()];
  await succeed(files.upload('a.txt', 'x'));
  const { path } = await succeed(files.copy('a.txt', 'copy.txt', { destinationBucket: other.bucketId }));
  assert.equal(path, `${other.bucketId}/copy.txt`);
  const moved = await succeed(files.move('a.txt', 'moved.txt', { destinationBucket: other.bucketId }));
  assert.deepEqual(moved, { message: 'Successfully moved' });
  assert.deepEqual((await succeed(other.list())).map(({ name }) => name), ['copy.txt', 'moved.txt']);
  assert.deepEqual(await succeed(files.list()), []);
});

test('copy onto an existing object is a duplicate', async () => {
  const files = await freshBucket();
  for (const name of ['a.txt', 'b.txt']) await succeed(files.upload(name, name));
  const { error } = await files.copy('a.txt', 'b.txt');
  assert.deepEqual([error.statusCode, error.message], ['409', 'The resource already exists']);
});

test('move of a missing object is not found', async () => {
  const files = await freshBucket();
  const { error } = await files.move('absent.txt', 'b.txt');
  assert.deepEqual([error.statusCode, error.message], ['404', 'Object not found']);
});

test('remove returns the rows that it deleted', async () => {
  const files = await freshBucket();
  for (const name of ['a.txt', 'b.txt']) await succeed(files.upload(name, name));
  const removed = await succeed(files.remove(['a.txt', 'b.txt', 'absent.txt']));
  assert.deepEqual(removed.map(({ name }) => name).sort(), ['a.txt', 'b.txt']);
  assert.ok(removed.every(({ bucket_id: bucket }) => bucket === files.bucketId));
});

test('a public url needs no credentials', async () => {
  const files = await freshBucket({ public: true });
  await succeed(files.upload('dir/ä b.txt', 'open'));
  const { publicUrl } = files.getPublicUrl('dir/ä b.txt', { download: 'x.txt' }).data;
  const response = await fetch(publicUrl);
  assert.equal(await response.text(), 'open');
  assert.equal(
    response.headers.get('content-disposition'),
    "attachment; filename=x.txt; filename*=UTF-8''x.txt",
  );
});

test('a public url into a private bucket is bucket not found', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'closed'));
  const response = await fetch(files.getPublicUrl('a.txt').data.publicUrl);
  assert.equal(response.status, 400);
  assert.equal((await response.json()).message, 'Bucket not found');
});

test('a user manages their own objects and sees no others', async () => {
  const files = await freshBucket();
  const own = user.from(files.bucketId);
  await succeed(files.upload('theirs.txt', 'x'));
  await succeed(own.upload('mine.txt', 'first'));
  await succeed(own.update('mine.txt', 'second'));
  assert.equal(await (await succeed(own.download('mine.txt'))).text(), 'second');
  assert.deepEqual((await succeed(own.list())).map(({ name }) => name), ['mine.txt']);
  assert.equal((await own.download('theirs.txt')).error.message, 'Object not found');
  assert.deepEqual(await succeed(own.remove(['theirs.txt'])), []);
  assert.equal((await succeed(own.remove(['mine.txt']))).length, 1);
});

test('an invalid token is refused with the words of a JWT library', async () => {
  const { StorageClient } = await import('@supabase/storage-js');
  const intruder = new StorageClient(service.url, { Authorization: 'Bearer not-a-token' });
  const { error } = await intruder.from(unique('any')).list();
  assert.deepEqual([error.status, error.statusCode, error.message], [400, '403', 'Invalid Compact JWS']);
});
