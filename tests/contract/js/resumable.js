// tus-js-client as Supabase's documentation uses it, with promises for its callbacks.
import * as tus from 'tus-js-client';
import { service } from './client.js';

const { AEROSTORE_URL, AEROSTORE_SERVICE_TOKEN } = process.env;

export const endpoint = `${AEROSTORE_URL}/upload/resumable`;
export const authorized = { authorization: `Bearer ${AEROSTORE_SERVICE_TOKEN}` };

/** Return content that differs at every offset. */
export const content = (length, seed = 0) =>
  Buffer.from(Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8) * 7 + seed));

/** Return an upload that is not started, and a promise of its end. */
export function prepare(files, name, source, options = {}) {
  let upload;
  const ended = new Promise((resolve, reject) => {
    upload = new tus.Upload(source, {
      endpoint,
      retryDelays: [0, 100, 300],
      headers: authorized,
      metadata: { bucketName: files.bucketId, objectName: name, contentType: 'image/png' },
      onError: reject,
      onSuccess: () => resolve(upload),
      ...options,
    });
  });
  return { upload, ended };
}

export async function send(files, name, source, options) {
  const { upload, ended } = prepare(files, name, source, options);
  upload.start();
  return ended;
}

/** Send the first bytes and stop, as a page that is closed; return the URL to go on at. */
export async function interrupt(files, name, source, options = {}) {
  return new Promise((resolve, reject) => {
    const { upload, ended } = prepare(files, name, source, {
      onChunkComplete: () => upload.abort().then(() => resolve(upload), reject),
      ...options,
    });
    ended.then(() => reject(new Error('the upload was not interrupted')), reject);
    upload.start();
  });
}

export async function download(files, name) {
  const { data, error } = await service.from(files.bucketId).download(name);
  if (error) throw error;
  return Buffer.from(await data.arrayBuffer());
}
