import { paceOf } from '@quantbot/bus-care/scrub';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import type { Pace } from '@quantbot/infra/files';

type Seen = Pick<VisibleBus, 'cluster' | 'config' | 'logger' | 'scrub'>;

const lookEveryMs = 600_000;

/**
 * Compares again, every ten minutes, what scrubs of a cluster found damaged, and forgets what was
 * repaired. The daemon that publishes does it. That of one machine does the same in its
 * maintenance.
 */
export function forgetRepaired(bus: Seen, everyMs = lookEveryMs): Onlooker {
  const closing = new AbortController();
  const paced = paceOf(bus.config.scrub.bytesPerS);
  const pace = async (bytes: number) => {
    closing.signal.throwIfAborted();
    await paced(bytes);
  };
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(() => lookAgain(bus, pace));
  }, everyMs).unref();
  return {
    close: async () => {
      clearInterval(timer);
      closing.abort();
      await running;
    },
  };
}

async function lookAgain({ cluster, config, logger, scrub }: Seen, pace: Pace): Promise<void> {
  try {
    const state = cluster?.publishes === true ? await scrub() : undefined;
    if (config.cluster === undefined || state === undefined || state.findings.length === 0) return;
    const { forgetMendedObjects } = await import('@quantbot/bus-cluster/care');
    await forgetMendedObjects(config.cluster, pace);
  } catch (error) {
    logger.debug({ err: error }, 'damaged objects could not be compared again; they will be');
  }
}
