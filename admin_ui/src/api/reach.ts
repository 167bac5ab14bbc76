import { onlineManager } from '@tanstack/react-query';
import { addressOf } from './client';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
const PATIENCE_MS = 5_000;

let isLooking = false;

/**
 * Look whether the server is away, and wait until it is back; questions wait meanwhile, and are asked anew afterwards.
 *
 * Browsers know only whether there is a network, not whether the server is there. One request that gets no answer
 * while others do, as when something in the browser blocks it, changes nothing.
 */
export async function noteUnreachable(): Promise<void> {
  if (isLooking) return;
  isLooking = true;
  if (!(await answers())) await waitForReturn();
  isLooking = false;
}

async function waitForReturn(): Promise<void> {
  onlineManager.setOnline(false);
  let pauseMs = FIRST_PAUSE_MS;
  do {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  } while (!(await answers()));
  onlineManager.setOnline(true);
}

async function answers(): Promise<boolean> {
  return fetch(addressOf('api/health'), { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
