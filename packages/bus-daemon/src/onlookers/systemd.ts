import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LoopView } from '../writer/loop/loop-view.js';
import type { StartOnlooker, VisibleBus } from '../writer/onlooker.js';

/**
 * What systemd passed to this process in its environment (sd_notify(3), sd_watchdog_enabled(3)).
 */
export interface SystemdEnvironment {
  /** How often systemd expects a sign of life (milliseconds); undefined if never. */
  watchdogMs: number | undefined;
}

/**
 * What systemd wants of this process; undefined when it was not started by systemd as
 * `Type=notify`.
 */
export function systemdEnvironment(env: NodeJS.ProcessEnv = process.env): SystemdEnvironment | undefined {
  if (!env.NOTIFY_SOCKET) return undefined;
  const us = Number(env.WATCHDOG_USEC);
  const isMeant = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(process.pid);
  return { watchdogMs: isMeant && us > 0 ? us / 1000 : undefined };
}

/** Tells systemd something, such as `READY=1`. */
export type Tell = (...states: string[]) => Promise<void>;

/** While the daemon starts, which may take long, systemd is asked for so much more time. */
const extendUs = 60_000_000;
const extendEveryMs = 20_000;

/** Keeps systemd informed ({@link superviseBySystemd}), if it has started this process. */
export const supervise: StartOnlooker = async (bus, loop) => {
  const environment = systemdEnvironment();
  return { close: environment === undefined ? async () => {} : superviseBySystemd(bus, loop, environment) };
};

/**
 * Keeps systemd informed: when the daemon is ready, how it is, that it ends; and, as its watchdog,
 * that its loop turns. A daemon that hangs goes silent, and systemd starts it again.
 *
 * @returns a function that says that the daemon ends.
 */
export function superviseBySystemd(
  bus: Pick<VisibleBus, 'events' | 'logger' | 'lastSeq' | 'now'>,
  loop: Pick<LoopView, 'health' | 'oldestWaitingMs'>,
  { watchdogMs }: SystemdEnvironment,
  tell: Tell = tellSystemd,
): () => Promise<void> {
  let turn = Promise.resolve();
  const say = (...states: string[]) => {
    turn = turn
      .then(() => tell(...states))
      .catch(error => bus.logger.warn({ err: error }, 'systemd could not be notified'));
    return turn;
  };
  let wasReady = false;
  const leave = bus.events.on('state', ({ state, message }) => {
    const status = `STATUS=${withCause(state, message)}`;
    if (state !== 'starting' && !wasReady) void say('READY=1', status);
    else void say(status);
    wasReady ||= state !== 'starting';
  });
  const timers = [
    setInterval(() => {
      if (loop.health.state === 'starting') void say(`EXTEND_TIMEOUT_USEC=${extendUs}`);
    }, extendEveryMs),
  ];
  if (watchdogMs !== undefined)
    timers.push(
      setInterval(() => {
        if (loop.health.alive) void say('WATCHDOG=1', `STATUS=${describe(bus, loop)}`);
      }, watchdogMs / 2),
    );
  for (const timer of timers) timer.unref();
  return () => {
    leave();
    for (const timer of timers) clearInterval(timer);
    return say('STOPPING=1');
  };
}

const withCause = (state: string, message: string | undefined | null): string =>
  message == null ? state : `${state}: ${message.replaceAll('\n', ' ')}`;

/**
 * Returns the line for `systemctl status`: state, progress and waiting jobs. It is sent with the
 * watchdog message and needs no process of its own.
 */
function describe(
  { lastSeq, now }: Pick<VisibleBus, 'lastSeq' | 'now'>,
  { health, oldestWaitingMs }: Pick<LoopView, 'health' | 'oldestWaitingMs'>,
): string {
  const waits =
    oldestWaitingMs === undefined
      ? 'nothing waits'
      : `the oldest job waits for ${Math.max(0, Math.round((now() - oldestWaitingMs) / 1000))} s`;
  return `${withCause(health.state, health.cause?.message)}; up to seq ${lastSeq}, ${waits}`;
}

const run = promisify(execFile);

/**
 * Node has no datagram sockets of the file system, and the packages that have them are compiled at
 * install, so systemd's own program speaks for us; hence `NotifyAccess=all` in the unit.
 */
const tellSystemd: Tell = async (...states) => {
  await run('systemd-notify', states, { timeout: 10_000 });
};
