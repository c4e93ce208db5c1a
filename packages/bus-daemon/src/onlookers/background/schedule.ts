import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';

/** Recovery and waiting jobs come first. */
const afterStartMs = 10_000;
/** The longest wait between two checks for due work. An operator may have done it meanwhile. */
const maxWaitMs = 3_600_000;
const afterFailureMs = 60_000;

/** Work that a daemon does at an interval, in a process of its own. */
export interface ScheduledWork {
  /** The name in log messages: `the scrub`. */
  name: string;
  /** The built entry point of the process (see {@link builtEntry}). */
  entry: string;
  /** Undefined: it never starts. */
  intervalMs: number | undefined;
  /** Returns when it last ended (milliseconds since 1970); undefined: it is due. */
  lastEndedAt(): number | undefined;
  /** Called with each message of the process. */
  onMessage(message: unknown): void;
}

/** Returns the path of an entry point beside the bundle that this code is in. */
export const builtEntry = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/**
 * Runs work at an interval, in its own process with the lowest priority, so that a slow disk or a
 * large file delays nothing. Work that ended early is started again.
 *
 * @returns the onlooker, whose `close` ends the work.
 */
export function runAtInterval(
  bus: Pick<VisibleBus, 'config' | 'logger' | 'now'>,
  { name, entry, intervalMs, lastEndedAt, onMessage }: ScheduledWork,
): Onlooker {
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const dueInMs = (interval: number) => {
    const endedAt = lastEndedAt();
    if (endedAt === undefined) return 0;
    // If the clock was set back since, do not wait for it.
    const since = bus.now() - endedAt;
    return since < 0 ? 0 : Math.max(0, interval - since);
  };
  const plan = (atLeastMs: number) => {
    if (intervalMs === undefined || isClosed) return;
    const waitMs = Math.max(Math.min(dueInMs(intervalMs), maxWaitMs), Math.min(atLeastMs, intervalMs));
    timer = setTimeout(() => (dueInMs(intervalMs) > 0 ? plan(0) : start()), waitMs).unref();
  };
  const start = () => {
    const started = fork(entry, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    child = started;
    let lastWords = '';
    started.stderr?.on('data', chunk => {
      lastWords = (lastWords + String(chunk)).slice(-500);
    });
    started.on('message', onMessage);
    started.on('error', error => bus.logger.warn({ err: error }, `${name} could not be started`));
    started.on('exit', (code, signal) => {
      child = undefined;
      if (code !== 0 && !isClosed)
        bus.logger.warn({ code, signal, lastWords }, `${name} ended early; it will be resumed`);
      plan(code === 0 ? 1_000 : afterFailureMs);
    });
    started.send(bus.config);
    started.unref();
    started.channel?.unref();
  };
  plan(afterStartMs);
  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      child?.kill('SIGKILL');
    },
  };
}
