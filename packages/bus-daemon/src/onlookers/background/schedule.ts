import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Onlooker, VisibleBus } from '@quantbot/bus-http';
import { waitAfter } from '@quantbot/infra/bus';

/** Recovery and waiting jobs come first. */
const afterStartMs = 10_000;
/** The longest wait between two checks for due work. An operator may have done it meanwhile. */
const maxWaitMs = 3_600_000;
const retry = { firstMs: 60_000, maxMs: maxWaitMs };

/** Work that a daemon does at an interval, in a process of its own. */
export interface ScheduledWork {
  /** The name in log messages: `the scrub`. */
  name: string;
  /** The built entry point of the process (see {@link builtEntry}). */
  entry: string;
  intervalMs: number;
  /** Returns when it last ended (milliseconds since 1970); undefined: it is due. */
  lastEndedAt(): Promise<number | undefined>;
  /** Called with each message of the process. */
  onMessage(message: unknown): void;
}

/** Returns the path of an entry point beside the bundle that this code is in. */
export const builtEntry = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/**
 * Runs work at an interval, in its own process with the lowest priority, so that a slow disk or a
 * large file delays nothing. Work that ended early is started again. In a cluster, the daemon that
 * publishes does it.
 *
 * @returns the onlooker, whose `close` ends the work.
 */
export function runAtInterval(
  bus: Pick<VisibleBus, 'cluster' | 'config' | 'logger' | 'now'>,
  { name, entry, intervalMs, lastEndedAt, onMessage }: ScheduledWork,
): Onlooker {
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let failures = 0;
  const dueInMs = async () => {
    const endedAt = await lastEndedAt();
    if (endedAt === undefined) return 0;
    // If the clock was set back since, do not wait for it.
    const since = bus.now() - endedAt;
    return since < 0 ? 0 : Math.max(0, intervalMs - since);
  };
  const wait = (ms: number) => {
    if (!isClosed) timer = setTimeout(look, Math.min(ms, maxWaitMs)).unref();
  };
  const waitBeforeRetry = () => wait(Math.min(waitAfter(retry, Math.max(1, failures)), intervalMs));
  const failed = (facts: object, message: string) => {
    failures++;
    if (!isClosed) bus.logger.warn(facts, message);
    waitBeforeRetry();
  };
  const look = async () => {
    try {
      const dueMs = await dueInMs();
      if (dueMs > 0) wait(dueMs);
      else if (bus.cluster?.publishes === false) waitBeforeRetry();
      else if (!isClosed) start();
    } catch (error) {
      failed({ err: error }, `when ${name} is due cannot be read`);
    }
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
      if (code !== 0) return failed({ code, signal, lastWords }, `${name} ended early; it will be resumed`);
      failures = 0;
      waitBeforeRetry(); // it may be still due: another process does it
    });
    started.send(bus.config);
    started.unref();
    started.channel?.unref();
  };
  wait(Math.min(afterStartMs, intervalMs));
  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      child?.kill('SIGKILL');
    },
  };
}
