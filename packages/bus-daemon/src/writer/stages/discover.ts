import { findAllWaiting } from '@quantbot/bus-format/state';
import type { Bus } from '../bus.js';
import type { FoundJob } from '../job.js';

/**
 * In: the inbox. Out: every unknown folder with a COMMIT, oldest first. Durable effect: none. It
 * scans everything, because file system events are only hints.
 */
export async function discover(bus: Bus, isKnown: (name: string) => boolean = () => false): Promise<FoundJob[]> {
  const found = await findAllWaiting(bus.layout.inbox, isKnown);
  return found.sort((a, b) => a.submittedAtMs - b.submittedAtMs || (String(a.name) < String(b.name) ? -1 : 1));
}
