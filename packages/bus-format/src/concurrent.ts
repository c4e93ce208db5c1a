import pMap from 'p-map';

/**
 * Processes several items at a time and waits for all of them, also when one fails. No work is left
 * running when the caller handles the error.
 *
 * @throws the first error.
 */
export async function concurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  concurrency = 8,
): Promise<Result[]> {
  try {
    const mapped = await pMap(items, async item => breathe().then(() => work(item)), {
      concurrency,
      stopOnError: false,
    });
    return mapped as Result[];
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

const maxMs = 5;
let lastBreath = performance.now();

/** Yields to timers and signals if work that never awaits I/O has run for long. */
export async function breathe(): Promise<void> {
  if (performance.now() - lastBreath < maxMs) return;
  await new Promise(resolve => setImmediate(resolve));
  lastBreath = performance.now();
}

/** Waits for all, so that nothing still runs when an error is handled. */
export async function allEnded<T extends readonly unknown[]>(all: readonly [...T]) {
  await Promise.allSettled(all);
  return Promise.all(all);
}
