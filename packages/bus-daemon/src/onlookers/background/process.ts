import { setPriority } from 'node:os';
import type { BusConfig } from '@quantbot/infra/config';

/**
 * Does the work of a process that {@link runAtInterval} started, with the lowest priority, and ends
 * the process.
 *
 * @param work gets the configuration of the bus, and a function that sends messages to the daemon.
 */
export function workInBackground(
  title: string,
  work: (config: BusConfig, send: (message: object) => void) => Promise<void>,
): void {
  process.title = title;
  // Ctrl-C on a terminal reaches the whole process group. The daemon decides when this process
  // ends.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
  process.on('disconnect', () => process.exit(0));
  process.once('message', async (config: BusConfig) => {
    try {
      setPriority(19);
    } catch {
      // Not every system has priorities.
    }
    await work(config, message => void process.send?.(message));
    process.disconnect();
  });
}
