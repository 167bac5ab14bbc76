import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { test } from 'node:test';
import { freshBucket, service, succeed, unique, user } from './client.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('upload maps Key and Id', async () => {
  const files = await freshBucket();
  const uploaded = await succeed(files.upload('folder//a.txt', 'hello'));
  assert.equal(uploaded.path, 'folder/a.txt');
  assert.equal(uploaded.fullPath, `${files.bucketId}/folder/a.txt`);
  assert.match(uploaded.id, UUID);
});

for (const [kind, body] of Object.entries({
  string: 'the content',
  Buffer: Buffer.from('the content'),
  Uint8Array: new TextEncoder().encode('the content'),
  ArrayBuffer: new TextEncoder().encode('the content').buffer,
  Blob: new Blob(['the content']),
  File: new File(['the content'], 'local.txt'),
  ReadableStream: new Blob(['the content']).stream(),
  URLSearchParams: new URLSearchParams('the content'),
})) {
  test(`upload of a ${kind} stores its bytes`, async () => {
    const files = await freshBucket();
    await succeed(files.upload('a.txt', body));
    const text = await (await succeed(files.download('a.txt'))).text();
    assert.equal(text, kind === 'URLSearchParams' ? 'the+content=' : 'the content');
  });
}

test('upload of FormData takes the first file whatever its field is called', async () => {
  const files = await freshBucket();
  const form = new FormData();
  form.append('anything', new Blob(['form file'], { type: 'image/png' }), 'x.png');
  await succeed(files.upload('a.png', form));
  const blob = await succeed(files.download('a.png'));
  assert.deepEqual([await blob.text(), blob.type], ['form file', 'image/png']);
});

test('default content type comes back on download', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'x'));
  const blob = await succeed(files.download('a.txt'));
  assert.equal(blob.type.toLowerCase(), 'text/plain;charset=utf-8');
});

test('default content type satisfies a bucket that takes text/plain', async () => {
  const files = await freshBucket({ allowedMimeTypes: ['text/plain'] });
  await succeed(files.upload('a.txt', 'x'));
});

test('upload twice is a duplicate unless upsert is asked for', async () => {
  const files = await freshBucket();
  const first = await succeed(files.upload('a.txt', 'first'));
  const { error } = await files.upload('a.txt', 'second');
  assert.deepEqual([error.statusCode, error.message], ['409', 'The resource already exists']);
  const second = await succeed(files.upload('a.txt', 'second', { upsert: true }));
  assert.equal(second.id, first.id);
  assert.equal(await (await succeed(files.download('a.txt'))).text(), 'second');
});

test('update creates a missing object and replaces an existing one', async () => {
  const files = await freshBucket();
  await succeed(files.update('a.txt', 'created'));
  await succeed(files.update('a.txt', 'replaced'));
  assert.equal(await (await succeed(files.download('a.txt'))).text(), 'replaced');
});

for (const [form, body] of [['raw', 'x'], ['form', new Blob(['x'])]]) {
  test(`metadata and cache control survive a ${form} upload`, async () => {
    const files = await freshBucket();
    await succeed(files.upload('a.txt', body, { cacheControl: '60', metadata: { colour: 'grün', n: [1] } }));
    const info = await succeed(files.info('a.txt'));
    assert.deepEqual(info.metadata, { colour: 'grün', n: [1] });
    assert.equal(info.cacheControl, 'max-age=60');
  });
}

test('upload of a type that the bucket does not take fails', async () => {
  const files = await freshBucket({ allowedMimeTypes: ['image/png'] });
  const { error } = await files.upload('a.jpg', 'x', { contentType: 'image/jpeg' });
  assert.deepEqual([error.statusCode, error.message], ['415', 'mime type image/jpeg is not supported']);
});

test('upload beyond the bucket limit fails', async () => {
  const files = await freshBucket({ fileSizeLimit: '1kb' });
  const { error } = await files.upload('a.bin', Buffer.alloc(1001));
  assert.deepEqual(
    [error.statusCode, error.message],
    ['413', 'The object exceeded the maximum allowed size'],
  );
});

test('streamed upload beyond the bucket limit fails and stores nothing', async () => {
  const files = await freshBucket({ fileSizeLimit: 1000 });
  const { error } = await files.upload('a.bin', new Blob([Buffer.alloc(100_000)]).stream());
  assert.ok(error);
  assert.deepEqual(await succeed(files.list()), []);
});

test('upload into a missing bucket fails', async () => {
  const { error } = await service.from(unique('absent')).upload('a.txt', 'x');
  assert.deepEqual([error.statusCode, error.message], ['404', 'Bucket not found']);
});

test('signed upload url takes one upload without credentials', async () => {
  const files = await freshBucket();
  const { token, path, signedUrl } = await succeed(files.createSignedUploadUrl('a b.txt'));
  assert.equal(path, 'a b.txt');
  assert.ok(signedUrl.includes(`token=${token}`));
  const uploaded = await succeed(user.from(files.bucketId).uploadToSignedUrl(path, token, 'by token'));
  assert.equal(uploaded.fullPath, `${files.bucketId}/a b.txt`);
  const again = await files.uploadToSignedUrl(path, token, 'again');
  assert.equal(again.error.statusCode, '409');
});

test('signed upload url with upsert replaces', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'first'));
  assert.equal((await files.createSignedUploadUrl('a.txt')).error.statusCode, '409');
  const { token } = await succeed(files.createSignedUploadUrl('a.txt', { upsert: true }));
  await succeed(files.uploadToSignedUrl('a.txt', token, new Blob(['second'])));
  assert.equal(await (await succeed(files.download('a.txt'))).text(), 'second');
});
