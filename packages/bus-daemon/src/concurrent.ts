import pMap from 'p-map';

/**
 * Works on items several at a time and waits for all of them, also when one fails: nothing goes on behind the back of whoever handles
 * the error.
 *
 * @throws the first error.
 */
export async function concurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  concurrency = 8,
): Promise<Result[]> {
  try {
    return (await pMap(items, work, { concurrency, stopOnError: false })) as Result[];
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}
