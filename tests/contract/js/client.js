// The server under test and two callers, as a supabase-js application would have them.
import { randomUUID } from 'node:crypto';
import { StorageClient } from '@supabase/storage-js';

const { AEROSTORE_URL, AEROSTORE_SERVICE_TOKEN, AEROSTORE_USER_TOKEN } = process.env;

const connect = (token) =>
  new StorageClient(AEROSTORE_URL, { apikey: token, Authorization: `Bearer ${token}` });

export const service = connect(AEROSTORE_SERVICE_TOKEN);
export const user = connect(AEROSTORE_USER_TOKEN);

export const unique = (stem) => `${stem}-${randomUUID().slice(0, 13)}`;

/** Return the data of an answer, or fail the test with its error. */
export async function succeed(answer) {
  const { data, error } = await answer;
  if (error) throw error;
  return data;
}

/** Create a bucket that no other test uses and return its file API. */
export async function freshBucket(options = { public: false }) {
  const name = unique('storage-js');
  await succeed(service.createBucket(name, options));
  return service.from(name);
}
