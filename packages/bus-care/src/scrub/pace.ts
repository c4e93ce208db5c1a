import { setTimeout as sleep } from 'node:timers/promises';
import type { Pace } from '@quantbot/infra/files';

/** Time that was not used is not made up for by more than this. */
const burstMs = 250;

/** Limits the bytes that are read in a second, in even portions. */
export function paceOf(bytesPerS: number): Pace {
  let free = performance.now();
  return async bytes => {
    free = Math.max(free, performance.now() - burstMs) + (bytes / bytesPerS) * 1000;
    const waitMs = free - performance.now();
    if (waitMs >= 1) await sleep(waitMs);
  };
}
