import { onlineManager } from '@tanstack/react-query';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { noteUnreachable } from './reach';

let isThere = false;
let asked = 0;
const said: boolean[] = [];
onlineManager.subscribe((isOnline) => said.push(isOnline));

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', { baseURI: 'http://localhost/admin/' });
  vi.stubGlobal('fetch', () => {
    asked += 1;
    return isThere ? Promise.resolve(new Response()) : Promise.reject(new TypeError('Failed to fetch'));
  });
  [isThere, asked] = [false, 0];
  said.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('one request without an answer is nothing while the server answers others', async () => {
  isThere = true;
  await noteUnreachable();
  expect(said).toEqual([]);
});

it('the page is offline until the server answers, whoever tells of it meanwhile', async () => {
  const looking = noteUnreachable();
  await noteUnreachable();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said).toEqual([false]);
  expect(asked).toBeLessThan(15);
  isThere = true;
  await vi.advanceTimersByTimeAsync(8_000);
  await looking;
  expect(said).toEqual([false, true]);
});
