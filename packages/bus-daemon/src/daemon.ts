import { acquireWriterLock, mustBeFolders } from '@quantbot/bus-format/state';
import type { Logger } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { Closers } from './closers.js';
import { withClusterPackage } from './cluster-package.js';
import { lookOn, runToItsEnd } from './look-on.js';
import { oneMachine } from './onlookers/one-machine.js';
import type { Daemon } from './running-daemon.js';
import { randomClaim, systemClock } from './writer/bus.js';
import { FileThreads } from './writer/file-thread/client.js';
import { Loop } from './writer/loop/loop.js';
import type { StartOnlooker } from './writer/onlooker.js';
import { openBus } from './writer/open-bus.js';

/** The options of a daemon. */
export interface DaemonOptions {
  config: BusConfig;
  logger: Logger;
  /** Whether it ends when no job waits and the exports are up to date. */
  drain?: boolean;
  /**
   * Whether to report to systemd, if it started the process as `Type=notify`. Only for a process
   * that does nothing but run the daemon.
   */
  tellSystemd?: boolean;
}

/**
 * Becomes the writer of a bus and runs until it is stopped.
 *
 * States: starting (lock, recovery, publication) → running ⇄ paused (after a fault of the machine,
 * with automatic retries) → stopped.
 *
 * @throws DaemonError `LOCK_TIMEOUT`, `NOT_A_FOLDER`, `NO_HARD_LINKS`, `JOURNAL_DAMAGED`,
 * `CROSS_DEVICE`, `HTTP_LISTEN_FAILED`, `HTTP_TOKEN_NEEDED`, `HTTP_TOKEN_INVALID`,
 * `NOTIFY_VARIABLE_INVALID`; on a cluster `CLUSTER_PACKAGE_MISSING`, `CLUSTER_OLDER`,
 * `CLUSTER_NEWER`; BusError for a root that is not this bus's.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { cluster } = options.config;
  if (cluster !== undefined) {
    const { startClusterDaemon } = await withClusterPackage(() => import('./cluster/start.js'));
    return startClusterDaemon({ ...options, cluster }, onlookersOf(options));
  }
  return startLookedAt(options, onlookersOf(options));
}

/**
 * Returns the wanted onlookers in the order in which they start. The code of others is not loaded.
 */
function onlookersOf({ config, drain, tellSystemd }: DaemonOptions): StartOnlooker[] {
  const { cluster, notify, http, openlineage, scrub, gc } = config;
  const isLasting = drain !== true;
  const all: [isWanted: boolean, start: StartOnlooker][] = [
    [notify.length > 0, async (bus, loop) => (await import('./onlookers/notifier.js')).openNotifier(bus, loop)],
    [true, async bus => (await import('./onlookers/tracing.js')).traceJobs(bus)],
    [http.listen !== undefined, async (bus, loop) => (await import('@quantbot/bus-http')).serve(bus, loop)],
    [
      isLasting && scrub.intervalMs !== undefined,
      async bus => (await import('./onlookers/scrub/scrubber.js')).scrubInBackground(bus, scrub.intervalMs as number),
    ],
    [
      isLasting && cluster !== undefined,
      async bus => (await import('./onlookers/scrub/forget-repaired.js')).forgetRepaired(bus),
    ],
    [
      isLasting && gc.intervalMs !== undefined,
      async bus => (await import('./onlookers/gc/collector.js')).collectInBackground(bus, gc.intervalMs as number),
    ],
    [
      isLasting && openlineage !== undefined,
      async bus => (await import('./onlookers/openlineage/sender.js')).sendLineage(bus),
    ],
    [isLasting, async bus => (await import('./onlookers/retention.js')).retainInBackground(bus)],
    [tellSystemd === true, async (bus, loop) => (await import('./onlookers/systemd.js')).supervise(bus, loop)],
  ];
  return all.filter(([isWanted]) => isWanted).map(([, start]) => start);
}

/**
 * {@link startDaemon} with these onlookers. They start in order and close in reverse, also when one
 * of them fails to start.
 */
export async function startLookedAt(options: DaemonOptions, onlookers: readonly StartOnlooker[]): Promise<Daemon> {
  const { config, logger } = options;
  // Independent of the inherited umask, only the daemon may change the files that it creates.
  const umask = process.umask();
  process.umask(umask | 0o022);
  const opened = new Closers();
  const outliving = new Closers();
  opened.push(() => outliving.close());
  try {
    const files = new FileThreads();
    opened.push(() => files.close());
    files.start(); // runs while the bus is being locked and opened
    mustBeFolders(config);
    const lock = await acquireWriterLock(config);
    opened.push(() => lock.release());
    opened.push(() => files.close()); // stop moving files before the lock is released
    const { assertHeld } = lock;
    const bus = await openBus(config, logger, { ...systemClock, newClaim: randomClaim, files, assertHeld, umask });
    opened.push(() => bus.journal.close());
    opened.push(() => bus.inspector.close());
    const loop = new Loop(bus, options.drain ?? false);
    const url = await lookOn(onlookers, oneMachine(bus), loop, { opened, outliving });
    const finished = runToItsEnd(loop, bus.events).finally(() => opened.close());
    return {
      url,
      finished,
      get failed() {
        return loop.failed;
      },
      stop: () => {
        loop.stop();
        return finished;
      },
    };
  } catch (error) {
    await opened.close().catch(other => logger.error({ err: other }, 'something could not be closed'));
    throw error;
  }
}
