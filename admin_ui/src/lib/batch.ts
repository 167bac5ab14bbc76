interface Waiting<Value> {
  key: string;
  resolve: (value: Value | undefined) => void;
  reject: (error: unknown) => void;
}

/** Return a function that loads one value by its key; those asked for in one turn are loaded together. */
export function batcher<Value>(
  maxSize: number,
  loadMany: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
): (key: string) => Promise<Value | undefined> {
  let waiting: Waiting<Value>[] = [];
  const flush = () => {
    const all = waiting;
    waiting = [];
    for (let start = 0; start < all.length; start += maxSize) void settle(all.slice(start, start + maxSize), loadMany);
  };
  return (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) queueMicrotask(flush);
      waiting.push({ key, resolve, reject });
    });
}

async function settle<Value>(
  batch: readonly Waiting<Value>[],
  loadMany: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
): Promise<void> {
  try {
    const values = await loadMany([...new Set(batch.map(({ key }) => key))]);
    for (const { key, resolve } of batch) resolve(values.get(key));
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
