import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import * as tus from 'tus-js-client';
import { freshBucket, succeed } from './client.js';
import { authorized, content, download, endpoint, interrupt, prepare, send } from './resumable.js';

test('a file in one request is stored with its type', async () => {
  const files = await freshBucket();
  await send(files, 'a.png', content(300_000));
  assert.deepEqual(await download(files, 'a.png'), content(300_000));
  assert.equal((await succeed(files.info('a.png'))).contentType, 'image/png');
});

test('a file in chunks of 6 MB is whole', async () => {
  const files = await freshBucket();
  const source = content(14_000_001);
  await send(files, 'a.png', source, { chunkSize: 6 * 1024 * 1024 });
  assert.ok((await download(files, 'a.png')).equals(source));
});

test('a file from the disk is whole', async () => {
  const files = await freshBucket();
  const path = join(await mkdtemp(join(tmpdir(), 'tus-')), 'file');
  await writeFile(path, content(500_000));
  await send(files, 'a.png', createReadStream(path), { chunkSize: 200_000 });
  assert.ok((await download(files, 'a.png')).equals(content(500_000)));
});

test('an empty file is an empty object', async () => {
  const files = await freshBucket();
  await send(files, 'empty', Buffer.alloc(0));
  assert.equal((await download(files, 'empty')).length, 0);
});

test('data can come with the creation', async () => {
  const files = await freshBucket();
  const methods = [];
  const onBeforeRequest = (request) => void methods.push(request.getMethod());
  await send(files, 'a.png', content(90_000), { uploadDataDuringCreation: true, onBeforeRequest });
  assert.deepEqual(methods, ['POST']);
  assert.ok((await download(files, 'a.png')).equals(content(90_000)));
});

test('the first chunk can come with the creation', async () => {
  const files = await freshBucket();
  await send(files, 'a.png', content(90_000), { uploadDataDuringCreation: true, chunkSize: 40_000 });
  assert.ok((await download(files, 'a.png')).equals(content(90_000)));
});

test('an aborted upload goes on where it stopped', async () => {
  const files = await freshBucket();
  const sent = [];
  const onBeforeRequest = (request) => void sent.push(request.getHeader('Upload-Offset'));
  const upload = await interrupt(files, 'a.png', content(300_000), { chunkSize: 100_000 });
  await send(files, 'a.png', content(300_000), { uploadUrl: upload.url, onBeforeRequest });
  assert.deepEqual(sent.filter(Boolean), ['100000']);
  assert.ok((await download(files, 'a.png')).equals(content(300_000)));
});

test('the same upload can be started again', async () => {
  const files = await freshBucket();
  const { upload, ended } = prepare(files, 'a.png', content(300_000), {
    chunkSize: 100_000,
    onChunkComplete: (_size, accepted) => {
      if (accepted === 100_000) upload.abort().then(() => upload.start());
    },
  });
  upload.start();
  await ended;
  assert.ok((await download(files, 'a.png')).equals(content(300_000)));
});

test('a new client finds the upload of an old one and goes on', async () => {
  const files = await freshBucket();
  const folder = await mkdtemp(join(tmpdir(), 'tus-'));
  const stored = {
    urlStorage: new tus.FileUrlStorage(join(folder, 'urls.json')),
    fingerprint: async () => 'the same file',
    chunkSize: 100_000,
  };
  const first = await interrupt(files, 'a.png', content(300_000), stored);
  const { upload, ended } = prepare(files, 'a.png', content(300_000), stored);
  const [previous] = await upload.findPreviousUploads();
  upload.resumeFromPreviousUpload(previous);
  upload.start();
  assert.equal((await ended).url, first.url);
  assert.ok((await download(files, 'a.png')).equals(content(300_000)));
});

test('a client with a stored address that is worth nothing begins anew', async () => {
  const files = await freshBucket();
  const uploadUrl = `${endpoint}/00000000-0000-4000-8000-000000000000`;
  const upload = await send(files, 'a.png', content(1000), { uploadUrl });
  assert.notEqual(upload.url, uploadUrl);
  assert.ok((await download(files, 'a.png')).equals(content(1000)));
});

test('many files at once do not mix', async () => {
  const files = await freshBucket();
  const numbers = Array.from({ length: 12 }, (_, number) => number);
  const options = { chunkSize: 50_000 };
  await Promise.all(numbers.map((number) => send(files, `${number}`, content(120_000, number), options)));
  for (const number of numbers) {
    assert.ok((await download(files, `${number}`)).equals(content(120_000, number)));
  }
});

test('a stream of unknown length is stored when it ends', async () => {
  const files = await freshBucket();
  const source = Readable.from([content(70_000), content(80_000, 1), content(30_000, 2)]);
  await send(files, 'a.png', source, { uploadLengthDeferred: true, chunkSize: 65_536 });
  const whole = Buffer.concat([content(70_000), content(80_000, 1), content(30_000, 2)]);
  assert.ok((await download(files, 'a.png')).equals(whole));
});

test('a terminated upload is gone', async () => {
  const files = await freshBucket();
  const upload = await interrupt(files, 'a.png', content(300_000), { chunkSize: 100_000 });
  await upload.abort(true);
  const head = await fetch(upload.url, { method: 'HEAD', headers: { ...authorized, 'tus-resumable': '1.0.0' } });
  assert.equal(head.status, 404);
});

test('POST can stand for PATCH', async () => {
  const files = await freshBucket();
  const methods = [];
  const onBeforeRequest = (request) => void methods.push(request.getMethod());
  await send(files, 'a.png', content(1000), { overridePatchMethod: true, onBeforeRequest });
  assert.deepEqual(methods, ['POST', 'POST']);
  assert.ok((await download(files, 'a.png')).equals(content(1000)));
});

for (const name of [
  'with space.png',
  '100%.png',
  'a#b.png',
  'a?b=c.png',
  'a%20b.png',
  'größe/日本語/🙂.png',
  "a'b(c)!*.png",
  'folder//double.png',
]) {
  test(`the name ${name} is kept as it is`, async () => {
    const files = await freshBucket();
    await send(files, name, content(1000));
    const { objects } = await succeed(files.listV2({}));
    assert.deepEqual(objects.map((each) => each.name), [name]);
  });
}

test('a signed upload needs no credentials', async () => {
  const files = await freshBucket();
  const { token } = await succeed(files.createSignedUploadUrl('a b.png'));
  await send(files, 'a b.png', content(300_000), {
    endpoint: `${endpoint}/sign`,
    headers: { 'x-signature': token },
    chunkSize: 100_000,
  });
  assert.ok((await download(files, 'a b.png')).equals(content(300_000)));
});

test('a token can be set before each request', async () => {
  const files = await freshBucket();
  const onBeforeRequest = (request) => request.setHeader('Authorization', authorized.authorization);
  await send(files, 'a.png', content(90_000), { headers: {}, onBeforeRequest, chunkSize: 50_000 });
  assert.ok((await download(files, 'a.png')).equals(content(90_000)));
});

test('behind a proxy the address is a path, which the client resolves', async () => {
  const files = await freshBucket();
  const headers = { ...authorized, 'x-forwarded-host': 'inside.example', 'x-forwarded-proto': 'https' };
  const upload = await send(files, 'a.png', content(90_000), { headers, chunkSize: 50_000 });
  assert.ok(upload.url.startsWith(`${endpoint}/`));
  assert.ok((await download(files, 'a.png')).equals(content(90_000)));
});

test('upsert replaces, and without it the name is taken', async () => {
  const files = await freshBucket();
  await send(files, 'a.png', content(1000));
  await assert.rejects(send(files, 'a.png', content(2000), { retryDelays: null }), /The resource already exists/);
  await send(files, 'a.png', content(2000), { headers: { ...authorized, 'x-upsert': 'true' } });
  assert.ok((await download(files, 'a.png')).equals(content(2000)));
});

test('metadata and cache control are those of the upload', async () => {
  const files = await freshBucket();
  const metadata = {
    bucketName: files.bucketId,
    objectName: 'a.txt',
    contentType: 'text/plain',
    cacheControl: '3600',
    metadata: JSON.stringify({ colour: 'grün' }),
  };
  await send(files, 'a.txt', content(10), { metadata });
  const info = await succeed(files.info('a.txt'));
  assert.deepEqual(info.metadata, { colour: 'grün' });
  assert.equal(info.cacheControl, 'max-age=3600');
});

test('a file beyond the limit of the bucket is refused before it is sent', async () => {
  const files = await freshBucket({ fileSizeLimit: 1000 });
  await assert.rejects(send(files, 'a.png', content(1001)), /Maximum size exceeded/);
});

test('a type that the bucket does not take is refused', async () => {
  const files = await freshBucket({ allowedMimeTypes: ['text/plain'] });
  await assert.rejects(send(files, 'a.png', content(10)), /mime type image\/png is not supported/);
});

test('a bucket that is not there is named', async () => {
  await assert.rejects(send({ bucketId: 'absent' }, 'a.png', content(10)), /Bucket not found/);
});
