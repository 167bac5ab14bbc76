// What a page of somebody else does with the storage. Each function returns what the test compares.

const bytes = (length) => Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8) * 7);
const sha256 = async (blob) => {
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};
const good = async (request) => {
  const { data, error } = await request;
  if (error) throw error;
  return data;
};

/** The round trip of storage-js: put, list, sign, fetch by the link, move, remove. */
export async function storageJs({ url, token, bucket }) {
  const storage = new clients.StorageClient(url, { authorization: `Bearer ${token}` });
  const files = storage.from(bucket);
  const file = new File([bytes(300_000)], 'größe 1.bin', { type: 'image/png' });
  await good(files.upload('in/größe 1.bin', file));
  const listed = await good(files.list('in'));
  const { signedUrl } = await good(files.createSignedUrl('in/größe 1.bin', 60));
  const linked = await (await fetch(signedUrl)).blob();
  const downloaded = await good(files.download('in/größe 1.bin'));
  await good(files.move('in/größe 1.bin', 'out/b.bin'));
  const { data: isThere } = await files.exists('out/b.bin');
  const removed = await good(files.remove(['out/b.bin']));
  const sums = new Set([await sha256(file), await sha256(linked), await sha256(downloaded)]);
  return { listed: listed.map(({ name }) => name), sums: sums.size, isThere, removed: removed.length };
}

/** storage-js and a name that is taken: the error that callers of it look at. */
export async function refused({ url, token, bucket }) {
  const files = new clients.StorageClient(url, { authorization: `Bearer ${token}` }).from(bucket);
  await good(files.upload('taken.txt', new Blob(['1'])));
  const { error } = await files.upload('taken.txt', new Blob(['2']));
  return { name: error.name, statusCode: error.statusCode };
}

/** Uppy with two files in chunks, one of them paused on the way. */
export async function uppy({ url, token, bucket, length }) {
  const uppy = new clients.Uppy().use(clients.Tus, {
    endpoint: `${url}/upload/resumable`,
    headers: { authorization: `Bearer ${token}` },
    chunkSize: 6 * 1024 * 1024,
    removeFingerprintOnSuccess: true,
    allowedMetaFields: ['bucketName', 'objectName', 'contentType'],
  });
  const add = (name, size) =>
    uppy.addFile({
      name,
      type: 'image/png',
      data: new File([bytes(size)], name, { type: 'image/png' }),
      meta: { bucketName: bucket, objectName: name, contentType: 'image/png' },
    });
  const large = add('large.png', length);
  add('small.png', 10);
  let isPaused = false;
  uppy.on('upload-progress', ({ id }, { bytesUploaded }) => {
    if (isPaused || id !== large || bytesUploaded === 0) return;
    isPaused = true;
    uppy.pauseResume(large);
    setTimeout(() => uppy.pauseResume(large), 100);
  });
  const { successful, failed } = await uppy.upload();
  return { successful: successful.length, failed: failed.length, isPaused, sum: await sha256(new Blob([bytes(length)])) };
}

/** tus-js-client: stopped after the first chunk, found again by its fingerprint, and gone on with. */
export async function tus({ url, token, bucket, length }) {
  const file = new File([bytes(length)], 'again.bin', { type: 'image/png', lastModified: 1 });
  const options = {
    endpoint: `${url}/upload/resumable`,
    headers: { authorization: `Bearer ${token}` },
    chunkSize: 6 * 1024 * 1024,
    removeFingerprintOnSuccess: true,
    metadata: { bucketName: bucket, objectName: 'again.bin', contentType: 'image/png' },
  };
  await new Promise((resolve, reject) => {
    const first = new clients.Upload(file, {
      ...options,
      onError: reject,
      onChunkComplete: () => void first.abort().then(resolve, reject),
    });
    first.start();
  });
  const offsets = [];
  await new Promise((resolve, reject) => {
    const second = new clients.Upload(file, {
      ...options,
      onError: reject,
      onSuccess: resolve,
      onChunkComplete: (_size, accepted) => offsets.push(accepted),
    });
    void second.findPreviousUploads().then(([previous]) => {
      second.resumeFromPreviousUpload(previous);
      second.start();
    }, reject);
  });
  return { offsets, sum: await sha256(file) };
}
