import { refuse } from './http-error.js';

/** Lets so many run at once; who comes then is sent away instead of kept waiting. */
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
