import { refuse } from './http-error.js';

/** Limits concurrent work. Calls beyond the limit fail at once instead of waiting. */
export function atMost(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  return async work => {
    if (running >= count) refuse('HTTP_BUSY', 'Too much is being asked at once.');
    running++;
    try {
      return await work();
    } finally {
      running--;
    }
  };
}
