import assert from 'node:assert/strict';
import { test } from 'node:test';
import Uppy from '@uppy/core';
import Tus from '@uppy/tus';
import { freshBucket, succeed } from './client.js';
import { authorized, content, download, endpoint } from './resumable.js';

function uppyFor(files, options = {}) {
  const uppy = new Uppy({
    onBeforeFileAdded: (file) => ({
      ...file,
      meta: { ...file.meta, bucketName: files.bucketId, objectName: `up/${file.name}`, contentType: file.type },
    }),
  });
  return uppy.use(Tus, {
    endpoint,
    headers: authorized,
    uploadDataDuringCreation: true,
    removeFingerprintOnSuccess: true,
    chunkSize: 6 * 1024 * 1024,
    allowedMetaFields: ['bucketName', 'objectName', 'contentType', 'cacheControl', 'metadata'],
    ...options,
  });
}

const add = (uppy, name, data) => uppy.addFile({ name, type: 'image/png', data });

test('several files are uploaded under their names', async () => {
  const files = await freshBucket();
  const uppy = uppyFor(files);
  const names = ['a.png', 'with space.png', 'größe.png'];
  names.forEach((name, number) => add(uppy, name, content(200_000, number)));
  const { successful, failed } = await uppy.upload();
  assert.deepEqual([successful.length, failed.length], [3, 0]);
  for (const [number, name] of names.entries()) {
    assert.ok((await download(files, `up/${name}`)).equals(content(200_000, number)));
  }
});

test('a file in chunks is whole and has its type', async () => {
  const files = await freshBucket();
  const uppy = uppyFor(files, { chunkSize: 50_000 });
  add(uppy, 'a.png', content(220_000));
  await uppy.upload();
  assert.ok((await download(files, 'up/a.png')).equals(content(220_000)));
  assert.equal((await succeed(files.info('up/a.png'))).contentType, 'image/png');
});

test('a paused upload goes on', async () => {
  const files = await freshBucket();
  const uppy = uppyFor(files, { chunkSize: 50_000, uploadDataDuringCreation: false });
  const id = add(uppy, 'a.png', content(300_000));
  let paused = false;
  uppy.on('upload-progress', (_file, { bytesUploaded }) => {
    if (paused || bytesUploaded < 100_000) return;
    paused = true;
    uppy.pauseResume(id);
    setTimeout(() => uppy.pauseResume(id), 50);
  });
  const { successful } = await uppy.upload();
  assert.equal(successful.length, 1);
  assert.ok(paused);
  assert.ok((await download(files, 'up/a.png')).equals(content(300_000)));
});

test('a signed upload needs no credentials', async () => {
  const files = await freshBucket();
  const { token } = await succeed(files.createSignedUploadUrl('up/a.png'));
  const uppy = uppyFor(files, { endpoint: `${endpoint}/sign`, headers: { 'x-signature': token } });
  add(uppy, 'a.png', content(1000));
  const { successful } = await uppy.upload();
  assert.equal(successful.length, 1);
  assert.ok((await download(files, 'up/a.png')).equals(content(1000)));
});

test('a refusal is told with its text', async () => {
  const files = await freshBucket({ allowedMimeTypes: ['text/plain'] });
  const uppy = uppyFor(files, { retryDelays: [] });
  add(uppy, 'a.png', content(10));
  const { failed } = await uppy.upload();
  assert.match(failed[0].error, /mime type image\/png is not supported/);
});
