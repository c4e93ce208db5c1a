import { type GcState, readGcState } from '@quantbot/bus-format/state';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import { builtEntry, runAtInterval } from '../background/schedule.js';

type Collected = Pick<VisibleBus, 'config' | 'logger' | 'events' | 'now'>;

/**
 * Removes old jobs and orphans of a bus at the configured interval.
 *
 * @returns the onlooker, whose `close` ends a run.
 */
export const collectInBackground = (bus: Collected, entry = builtEntry('gc')): Onlooker =>
  runAtInterval(bus, {
    name: 'garbage collection',
    entry,
    intervalMs: bus.config.gc.intervalMs,
    lastEndedAt: () => {
      const endedAt = readGcState(bus.config.busRoot)?.ended_at;
      return endedAt === undefined ? undefined : Date.parse(endedAt);
    },
    onMessage: state => tell(bus, state as GcState),
  });

function tell({ logger, events }: Collected, { removed, bytes }: GcState): void {
  logger.info({ ...removed, bytes }, 'old jobs and orphans removed');
  events.emit('collected', { removed, bytes });
}
