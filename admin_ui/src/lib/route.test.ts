import { createMemoryHistory, createRootRoute, createRoute, createRouter } from '@tanstack/react-router';
import { expect, test } from 'vitest';
import { escapeFolder, folderLink, folderOf, unescapeFolder } from './route';

const PREFIXES = [
  '',
  'a/',
  'a/b c/',
  '-/',
  '-/settings/',
  '--/',
  '~/',
  '~~/-/',
  '/',
  '//',
  'a//b/',
  '/a/',
  '100% sure/',
  'in%20side/%2F/',
  'dir #1?/&=+/',
  '日本語 "q"/',
  '<img src=x>/',
  '\u202Eabc/',
];

const root = createRootRoute();
const folder = createRoute({ getParentRoute: () => root, path: '/buckets/$bucket/$' });
const settings = createRoute({ getParentRoute: () => root, path: '/buckets/$bucket/-/settings' });

function routerAt(address: string) {
  return createRouter({
    routeTree: root.addChildren([folder, settings]),
    basepath: '/files/admin',
    history: createMemoryHistory({ initialEntries: [address] }),
  });
}

async function paramsAt(address: string) {
  const router = routerAt(address);
  await router.load();
  return router.state.matches.at(-1);
}

test.each(PREFIXES)('the folder %j comes back', (prefix) => {
  expect(unescapeFolder(escapeFolder(prefix))).toBe(prefix);
});

test.each(PREFIXES)('the folder %j survives its address, and a reload', async (prefix) => {
  const { publicHref } = routerAt('/files/admin/').buildLocation(folderLink('b & c', prefix) as never);
  const reloaded = new URL(publicHref, 'http://host');
  const match = await paramsAt(reloaded.pathname + reloaded.search);
  expect(match?.routeId).toBe('/buckets/$bucket/$');
  const params = match?.params as { bucket: string; _splat?: string };
  expect(params.bucket).toBe('b & c');
  expect(unescapeFolder(params._splat ?? '')).toBe(prefix);
});

test('the pages about a bucket have addresses of their own', async () => {
  expect((await paramsAt('/files/admin/buckets/b/-/settings'))?.routeId).toBe('/buckets/$bucket/-/settings');
});

test('the folder of an object ends with a slash, and the root is empty', () => {
  expect(['a/b/c.txt', 'c.txt', 'a//c'].map(folderOf)).toEqual(['a/b/', '', 'a//']);
});
