import type { ScrubFinding } from '@quantbot/bus-format/state';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import { builtEntry, runAtInterval } from '../background/schedule.js';

type Scrubbed = Pick<VisibleBus, 'cluster' | 'config' | 'events' | 'logger' | 'now' | 'scrub'>;

/**
 * Scrubs a bus at an interval. An interrupted pass continues after a restart.
 *
 * @returns the onlooker, whose `close` ends the scrub.
 */
export const scrubInBackground = (bus: Scrubbed, intervalMs: number, entry = builtEntry('scrub')): Onlooker =>
  runAtInterval(bus, {
    name: 'the scrub',
    entry,
    intervalMs,
    lastEndedAt: async () => {
      const endedAt = (await bus.scrub())?.ended_at;
      return endedAt == null ? undefined : Date.parse(endedAt);
    },
    onMessage: finding => tell(bus, finding as ScrubFinding),
  });

function tell({ logger, events }: Scrubbed, { code, what, detail }: ScrubFinding): void {
  logger.error({ code, what }, `a scrub found a damaged file: ${detail}`);
  events.emit('damage', [{ code, what, detail }]);
}
