import type { GcState } from '@quantbot/bus-format/state';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import { builtEntry, runAtInterval } from '../background/schedule.js';

type Collected = Pick<VisibleBus, 'cluster' | 'config' | 'events' | 'gc' | 'logger' | 'now'>;

/**
 * Removes old jobs and orphans of a bus at an interval.
 *
 * @returns the onlooker, whose `close` ends a run.
 */
export const collectInBackground = (bus: Collected, intervalMs: number, entry = builtEntry('gc')): Onlooker =>
  runAtInterval(bus, {
    name: 'garbage collection',
    entry,
    intervalMs,
    lastEndedAt: async () => {
      const endedAt = (await bus.gc())?.ended_at;
      return endedAt === undefined ? undefined : Date.parse(endedAt);
    },
    onMessage: state => tell(bus, state as GcState),
  });

function tell({ logger, events }: Collected, { removed, bytes }: GcState): void {
  logger.info({ ...removed, bytes }, 'old jobs and orphans removed');
  events.emit('collected', { removed, bytes });
}
