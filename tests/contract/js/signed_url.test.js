import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshBucket, succeed } from './client.js';

for (const name of ['a.txt', 'with space.txt', 'ünïcode/日本.txt', 'plus+amp&eq=.txt', "quote'paren(1).txt"]) {
  test(`createSignedUrl serves ${name}`, async () => {
    const files = await freshBucket();
    await succeed(files.upload(name, 'signed'));
    const { signedUrl } = await succeed(files.createSignedUrl(name, 60));
    assert.ok(signedUrl.includes('?token='));
    assert.equal(await (await fetch(signedUrl)).text(), 'signed');
  });
}

test('createSignedUrl with download sets the attachment name', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'signed'));
  const { signedUrl } = await succeed(files.createSignedUrl('a.txt', 60, { download: 'b.txt' }));
  const response = await fetch(signedUrl);
  assert.equal(
    response.headers.get('content-disposition'),
    "attachment; filename=b.txt; filename*=UTF-8''b.txt",
  );
});

test('createSignedUrl of a missing object is not found', async () => {
  const files = await freshBucket();
  const { error } = await files.createSignedUrl('absent.txt', 60);
  assert.deepEqual([error.statusCode, error.message], ['404', 'Object not found']);
});

test('createSignedUrls answers in order, missing ones with an error', async () => {
  const files = await freshBucket();
  await succeed(files.upload('b.txt', 'signed'));
  const [absent, present] = await succeed(files.createSignedUrls(['a.txt', 'b.txt'], 60));
  assert.equal(absent.error, 'Either the object does not exist or you do not have access to it');
  assert.deepEqual([absent.path, absent.signedUrl], ['a.txt', null]);
  assert.equal(present.error, null);
  assert.equal(await (await fetch(present.signedUrl)).text(), 'signed');
});

test('a changed token is refused', async () => {
  const files = await freshBucket();
  await succeed(files.upload('a.txt', 'signed'));
  const { signedUrl } = await succeed(files.createSignedUrl('a.txt', 60));
  const response = await fetch(signedUrl.slice(0, -4) + 'AAAA');
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error, 'InvalidJWT');
});
