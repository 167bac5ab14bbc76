// Writes a .gz and a .br beside every built text file, so that the server never compresses at request time.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const FOLDER = new URL('../aerostore/admin_static/', import.meta.url).pathname;
const TEXT = new Set(['.js', '.css', '.svg', '.json']);
const MIN_BYTES = 1024;

const compressors = {
  '.gz': (content) => promisify(gzip)(content, { level: 9 }),
  '.br': (content) =>
    promisify(brotliCompress)(content, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
    }),
};

const entries = await readdir(FOLDER, { recursive: true, withFileTypes: true });
for (const entry of entries.filter((each) => each.isFile() && TEXT.has(extname(each.name)))) {
  const path = join(entry.parentPath, entry.name);
  const content = await readFile(path);
  if (content.length < MIN_BYTES) continue;
  for (const [suffix, compress] of Object.entries(compressors)) {
    await writeFile(path + suffix, await compress(content));
  }
}
