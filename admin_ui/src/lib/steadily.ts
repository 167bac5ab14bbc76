// For each second that it takes, so many seconds of rest.
const RESTS = 4;

export interface Steady {
  ask: () => void;
  stop: () => void;
}

/**
 * Return what runs `act` a while after it is asked for, never twice at a time, and once more when asked meanwhile.
 *
 * The pause is `pauseMs`, and longer where `act` takes long, so that it never keeps anybody busy all the time.
 */
export function steadily(pauseMs: number, act: () => Promise<void>): Steady {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let restMs = pauseMs;
  let isRunning = false;
  let isAsked = false;
  let isOver = false;
  const ask = () => {
    isAsked = true;
    if (!isRunning && !isOver) timer ??= setTimeout(() => void run(), restMs);
  };
  const run = async () => {
    const startedAt = Date.now();
    timer = undefined;
    [isRunning, isAsked] = [true, false];
    await act().finally(() => (isRunning = false));
    restMs = Math.max(pauseMs, RESTS * (Date.now() - startedAt));
    if (isAsked) ask();
  };
  const stop = () => {
    isOver = true;
    clearTimeout(timer);
  };
  return { ask, stop };
}
