// Upload generated content over connections that break, until it is there; see tests/contract/test_tus_cut.py.
import { content, send } from './resumable.js';

const [bucketId, name, length] = process.argv.slice(2);

await send({ bucketId }, name, content(Number(length)), {
  chunkSize: 100_000,
  retryDelays: Array(100).fill(20),
});
