import { acquireWriterLock } from '@quantbot/bus-format/state';
import type { BusConfig, Logger } from '@quantbot/infra';
import type { HttpServer } from './onlookers/http/serve.js';
import type { Notifier } from './onlookers/notify/notifier.js';
import { superviseBySystemd, systemdEnvironment } from './onlookers/systemd.js';
import { traceJobs } from './onlookers/tracing.js';
import { type Bus, randomClaim, systemClock } from './writer/bus.js';
import { FileThreads } from './writer/file-thread/client.js';
import { Loop } from './writer/loop/loop.js';
import { causeOf } from './writer/loop/state-file.js';
import { openBus } from './writer/open-bus.js';

/** How a daemon is started. */
export interface DaemonOptions {
  config: BusConfig;
  logger: Logger;
  /** Ends by itself when nothing waits any more and the exports are up to date. */
  drain?: boolean;
  /**
   * Tells systemd how the daemon is, if it was started as `Type=notify`. Only for a process that is
   * nothing but the daemon.
   */
  tellSystemd?: boolean;
}

/** A daemon that runs. */
export interface Daemon {
  /** Where its dashboard is, if the configuration wants it (`http.listen`). */
  url: string | undefined;
  /** Finishes the batch in hand, then ends. */
  stop(): Promise<void>;
  /** Resolves when the daemon has ended; rejects when it had to stop for an error. */
  finished: Promise<void>;
}

/**
 * Becomes the writer of a bus and runs until it is stopped.
 *
 * States: starting (lock, recovery, publication) → running ⇄ paused (the machine's fault: tried
 * again by itself) → stopped.
 *
 * @throws DaemonError `LOCK_TIMEOUT`, `NO_HARD_LINKS`, `JOURNAL_DAMAGED`, `CROSS_DEVICE`,
 * `HTTP_LISTEN_FAILED`, `HTTP_TOKEN_NEEDED`, `HTTP_TOKEN_INVALID`, `NOTIFY_VARIABLE_INVALID`;
 * BusError for a root that is not this bus's.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  // Whatever umask it was started with: what the daemon makes, only the daemon changes.
  const umask = process.umask();
  process.umask(umask | 0o022);
  const lock = await acquireWriterLock(options.config);
  const files = new FileThreads();
  let bus: Bus | undefined;
  let http: HttpServer | undefined;
  let notifier: Notifier | undefined;
  try {
    files.start(); // while the bus is being opened
    bus = await openBus(options.config, options.logger, {
      ...systemClock,
      newClaim: randomClaim,
      files,
      assertHeld: lock.assertHeld,
      umask,
    });
    traceJobs(bus);
    const loop = new Loop(bus, options.drain ?? false);
    const opened = bus;
    const {
      http: { listen },
      notify,
    } = options.config;
    // Loaded only where it is wanted.
    if (notify.length > 0)
      notifier = await (await import('./onlookers/notify/notifier.js')).openNotifier(bus, process.env);
    if (listen !== undefined) http = await (await import('./onlookers/http/serve.js')).serve(bus, loop, listen);
    const systemd = options.tellSystemd ? systemdEnvironment() : undefined;
    const saysItEnds = systemd && superviseBySystemd(bus, loop, systemd);
    const finished = runToItsEnd(loop, bus).finally(async () => {
      await saysItEnds?.();
      await http?.close();
      opened.inspector.close();
      await files.close();
      opened.journal.close();
      await lock.release();
      // Last: the next daemon does not wait for hooks.
      await notifier?.close(options.drain ? 'all is told' : 'soon', loop.stopRequested);
    });
    return {
      url: http?.url,
      finished,
      stop: () => {
        loop.stop();
        return finished;
      },
    };
  } catch (error) {
    bus?.journal.close();
    await files.close();
    await lock.release();
    throw error;
  }
}

/** Tells those who look on why, if it has to end without being asked to. */
async function runToItsEnd(loop: Loop, bus: Bus): Promise<void> {
  try {
    await loop.run();
  } catch (error) {
    bus.events.emit('stopped', causeOf(error));
    throw error;
  }
}
