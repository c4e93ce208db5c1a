import { refuse } from './http-error.js';

/**
 * Limits concurrent work. A few calls beyond the limit wait for their turn; any further call fails
 * at once.
 *
 * @param count the most that run at the same time.
 * @param waiting the most that wait.
 */
export function atMost(count: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async work => {
    if (running < count) running++;
    else if (queue.length < waiting) await new Promise<void>(resolve => queue.push(resolve));
    else refuse('HTTP_BUSY', 'Too much is being asked at once.');
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next === undefined) running--;
      else next(); // takes over the place
    }
  };
}
