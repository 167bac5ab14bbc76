import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshBucket, service, succeed, unique, user } from './client.js';

test('createBucket answers with its name', async () => {
  const name = unique('bucket');
  assert.deepEqual(await succeed(service.createBucket(name)), { name });
});

test('getBucket returns exactly the documented fields', async () => {
  const { bucketId } = await freshBucket({
    public: true,
    fileSizeLimit: '20mb',
    allowedMimeTypes: ['image/png'],
  });
  const bucket = await succeed(service.getBucket(bucketId));
  assert.match(bucket.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.match(bucket.updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  delete bucket.created_at;
  delete bucket.updated_at;
  assert.deepEqual(bucket, {
    id: bucketId,
    name: bucketId,
    owner: '',
    public: true,
    file_size_limit: 20_000_000,
    allowed_mime_types: ['image/png'],
  });
});

test('createBucket twice is a duplicate', async () => {
  const { bucketId } = await freshBucket();
  const { error } = await service.createBucket(bucketId);
  assert.equal(error.statusCode, '409');
  assert.equal(error.code, 'BucketAlreadyExists');
  assert.equal(error.message, 'The resource already exists');
});

test('getBucket of a missing bucket is not found', async () => {
  const { data, error } = await service.getBucket(unique('absent'));
  assert.equal(data, null);
  assert.deepEqual([error.status, error.statusCode, error.message], [400, '404', 'Bucket not found']);
});

test('listBuckets searches by substring and carries the type', async () => {
  const { bucketId } = await freshBucket();
  const found = await succeed(service.listBuckets({ search: bucketId.slice(3).toUpperCase() }));
  assert.deepEqual(found.map(({ id, type }) => [id, type]), [[bucketId, 'STANDARD']]);
});

test('listBuckets pages in the order asked for', async () => {
  const stem = unique('page');
  for (const suffix of ['a', 'b', 'c']) await succeed(service.createBucket(`${stem}-${suffix}`));
  const page = await succeed(
    service.listBuckets({ search: stem, limit: 2, offset: 1, sortColumn: 'name', sortOrder: 'desc' }),
  );
  assert.deepEqual(page.map(({ name }) => name), [`${stem}-b`, `${stem}-a`]);
});

test('updateBucket keeps what is not mentioned', async () => {
  const { bucketId } = await freshBucket({ public: false, fileSizeLimit: 1000 });
  const answer = await succeed(service.updateBucket(bucketId, { public: true }));
  assert.deepEqual(answer, { message: 'Successfully updated' });
  const bucket = await succeed(service.getBucket(bucketId));
  assert.deepEqual([bucket.public, bucket.file_size_limit], [true, 1000]);
});

test('updateBucket with null clears the limits', async () => {
  const { bucketId } = await freshBucket({ fileSizeLimit: 1000, allowedMimeTypes: ['image/*'] });
  await succeed(service.updateBucket(bucketId, { public: false, fileSizeLimit: null, allowedMimeTypes: null }));
  const bucket = await succeed(service.getBucket(bucketId));
  assert.deepEqual([bucket.file_size_limit, bucket.allowed_mime_types], [null, null]);
});

test('emptyBucket removes everything at once, then deleteBucket works', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a/b.txt', 'x'));
  const refused = await service.deleteBucket(files.bucketId);
  assert.equal(refused.error.message, 'The bucket you tried to delete is not empty');
  assert.deepEqual(await succeed(service.emptyBucket(files.bucketId)), {
    message: 'Empty bucket has been queued. Completion may take up to an hour.',
  });
  assert.deepEqual(await succeed(files.list()), []);
  assert.deepEqual(await succeed(service.deleteBucket(files.bucketId)), { message: 'Successfully deleted' });
});

test('a user can neither create nor see buckets', async () => {
  const { bucketId } = await freshBucket();
  const { error } = await user.createBucket(unique('denied'));
  assert.deepEqual([error.statusCode, error.message], ['403', 'new row violates row-level security policy']);
  assert.deepEqual(await succeed(user.listBuckets()), []);
  assert.equal((await user.getBucket(bucketId)).error.message, 'Bucket not found');
});
