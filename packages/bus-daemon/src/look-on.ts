import type { LoopView, VisibleBus } from '@quantbot/bus-http';
import type { Closers } from './closers.js';
import type { Events } from './writer/events.js';
import { causeOf } from './writer/loop/state-file.js';
import type { StartOnlooker } from './writer/onlooker.js';

/**
 * Starts onlookers in order.
 *
 * @param outliving receives the onlookers to close after the lock is released.
 * @returns the URL of the onlooker that serves a page.
 */
export async function lookOn(
  onlookers: readonly StartOnlooker[],
  bus: VisibleBus,
  loop: LoopView,
  { opened, outliving }: { opened: Closers; outliving: Closers },
): Promise<string | undefined> {
  let url: string | undefined;
  for (const start of onlookers) {
    const onlooker = await start(bus, loop);
    (onlooker.outlivesLock ? outliving : opened).push(() => onlooker.close());
    url ??= onlooker.url;
  }
  return url;
}

/** Runs a loop to its end. If it fails, reports the reason to the onlookers. */
export async function runToItsEnd(loop: { run(): Promise<void> }, events: Events): Promise<void> {
  try {
    await loop.run();
  } catch (error) {
    events.emit('stopped', causeOf(error));
    throw error;
  }
}
