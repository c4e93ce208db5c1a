import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '../../writer/bus.js';
import { Hook } from './hook.js';
import { type Variables, withVariables } from './variables.js';
import { watchBus } from './watch-bus.js';

/** Tells the hooks of the configuration what happens. */
export interface Notifier {
  /**
   * Tells what is left: all of it if that is possible in half a minute, or what can be told soon.
   * Being asked to stop means soon.
   */
  close(howMuch: 'all is told' | 'soon', stopRequested: AbortSignal): Promise<void>;
}

const drainGraceMs = 30_000;
const stopGraceMs = 2_000;

/**
 * Begins to tell the hooks. What they do, and how long they take, is never waited for by the work
 * itself.
 *
 * @throws DaemonError `NOTIFY_VARIABLE_INVALID`.
 */
export async function openNotifier(bus: Bus, env: Variables): Promise<Notifier> {
  const hooks = bus.config.notify.map(hook => new Hook(bus, withVariables(hook, env)));
  const leave = await watchBus(bus, happening => {
    for (const hook of hooks) hook.tell(happening);
  });
  return {
    close: async (howMuch, stopRequested) => {
      leave();
      const done = new AbortController();
      const giveUp = new AbortController();
      const letGoAfter = (ms: number) =>
        sleep(ms, undefined, { signal: done.signal }).then(
          () => giveUp.abort(),
          () => {}, // all is told
        );
      const hurry = () => letGoAfter(stopGraceMs);
      letGoAfter(howMuch === 'soon' ? stopGraceMs : drainGraceMs);
      stopRequested.addEventListener('abort', hurry);
      if (stopRequested.aborted) hurry();
      await Promise.all(hooks.map(hook => hook.close(giveUp.signal)));
      stopRequested.removeEventListener('abort', hurry);
      done.abort();
    },
  };
}
