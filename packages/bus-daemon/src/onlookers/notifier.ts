import { setTimeout as sleep } from 'node:timers/promises';
import { Hook, type Variables, withVariables } from '@quantbot/bus-care/notify';
import type { LoopView, Onlooker, VisibleBus } from '@quantbot/bus-http';
import { watchBus } from './watch-bus.js';

/** The time for the remaining notifications when a daemon drains, and when it is stopped. */
const drainGraceMs = 30_000;
const stopGraceMs = 2_000;

/**
 * Starts to notify the hooks. The daemon never waits for them.
 *
 * @throws DaemonError `NOTIFY_VARIABLE_INVALID`.
 */
export async function openNotifier(
  bus: VisibleBus,
  { drains, stopRequested }: Pick<LoopView, 'drains' | 'stopRequested'>,
  env: Variables = process.env,
): Promise<Onlooker> {
  const hooks = bus.config.notify.map(hook => new Hook(bus, withVariables(hook, env)));
  const leave = await watchBus(bus, happening => {
    for (const hook of hooks) hook.tell(happening);
  });
  return {
    outlivesLock: true,
    close: async () => {
      leave();
      const done = new AbortController();
      const giveUp = new AbortController();
      const letGoAfter = (ms: number) =>
        sleep(ms, undefined, { signal: done.signal }).then(
          () => giveUp.abort(),
          () => {}, // everything was delivered
        );
      const hurry = () => letGoAfter(stopGraceMs);
      letGoAfter(drains ? drainGraceMs : stopGraceMs);
      stopRequested.addEventListener('abort', hurry);
      if (stopRequested.aborted) hurry();
      await Promise.all(hooks.map(hook => hook.close(giveUp.signal)));
      stopRequested.removeEventListener('abort', hurry);
      done.abort();
    },
  };
}
