import { setTimeout as sleep } from 'node:timers/promises';
import type { Pace } from '@quantbot/infra/files';

/** Unused time allows a burst of at most this length. */
const burstMs = 250;

/** Limits the bytes read per second, in even portions. */
export function paceOf(bytesPerS: number): Pace {
  let free = performance.now();
  return async bytes => {
    free = Math.max(free, performance.now() - burstMs) + (bytes / bytesPerS) * 1000;
    const waitMs = free - performance.now();
    if (waitMs >= 1) await sleep(waitMs);
  };
}
