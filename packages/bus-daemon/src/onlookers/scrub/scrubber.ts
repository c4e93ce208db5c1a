import { readScrubState, type ScrubFinding } from '@quantbot/bus-format/state';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import { builtEntry, runAtInterval } from '../background/schedule.js';

type Scrubbed = Pick<VisibleBus, 'config' | 'logger' | 'events' | 'now'>;

/**
 * Scrubs a bus at the configured interval. An interrupted pass continues after a restart.
 *
 * @returns the onlooker, whose `close` ends the scrub.
 */
export const scrubInBackground = (bus: Scrubbed, entry = builtEntry('scrub')): Onlooker =>
  runAtInterval(bus, {
    name: 'the scrub',
    entry,
    intervalMs: bus.config.scrub.intervalMs,
    lastEndedAt: () => {
      const endedAt = readScrubState(bus.config.busRoot)?.ended_at;
      return endedAt == null ? undefined : Date.parse(endedAt);
    },
    onMessage: finding => tell(bus, finding as ScrubFinding),
  });

function tell({ logger, events }: Scrubbed, { code, what, detail }: ScrubFinding): void {
  logger.error({ code, what }, `a scrub found a damaged file: ${detail}`);
  events.emit('damage', [{ code, what, detail }]);
}
