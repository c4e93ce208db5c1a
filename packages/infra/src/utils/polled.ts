import { setTimeout as sleep } from 'node:timers/promises';
import type { OutcomeWaiting } from './settled.js';

const firstPollMs = 100;
const maxPollMs = 2000;

/** Waits for the outcome of a job by looking again and again, less and less often. */
export function polled(): OutcomeWaiting {
  let waitMs = firstPollMs;
  return {
    next: async (maxMs, signal) => {
      // An abort ends the sleep; the loop looks at the signal itself.
      await sleep(Math.min(maxMs, waitMs), undefined, { signal }).catch(() => {});
      waitMs = Math.min(maxPollMs, waitMs * 1.25);
    },
    close: () => {},
  };
}
