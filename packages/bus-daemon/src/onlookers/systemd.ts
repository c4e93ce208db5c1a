import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LoopView, VisibleBus } from '@quantbot/bus-http';
import type { StartOnlooker } from '../writer/onlooker.js';

/** The settings that systemd passed in the environment (sd_notify(3), sd_watchdog_enabled(3)). */
export interface SystemdEnvironment {
  /** The watchdog interval of systemd (milliseconds); undefined without a watchdog. */
  watchdogMs: number | undefined;
}

/** Returns the settings of systemd; undefined if it did not start this process as `Type=notify`. */
export function systemdEnvironment(env: NodeJS.ProcessEnv = process.env): SystemdEnvironment | undefined {
  if (!env.NOTIFY_SOCKET) return undefined;
  const us = Number(env.WATCHDOG_USEC);
  const isMeant = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(process.pid);
  return { watchdogMs: isMeant && us > 0 ? us / 1000 : undefined };
}

/** Sends states such as `READY=1` to systemd. */
export type Tell = (...states: string[]) => Promise<void>;

/**
 * A start may take long. Until it is done, the daemon keeps asking systemd for this much more time.
 */
const extendUs = 60_000_000;
const extendEveryMs = 20_000;

/** Keeps systemd informed ({@link superviseBySystemd}), if it has started this process. */
export const supervise: StartOnlooker = async (bus, loop) => {
  const environment = systemdEnvironment();
  return { close: environment === undefined ? async () => {} : superviseBySystemd(bus, loop, environment) };
};

/**
 * Reports to systemd that the daemon is ready, its status, and that it ends. Watchdog messages show
 * that the loop makes progress: a daemon that hangs sends none, and systemd restarts it.
 *
 * @returns a function that reports the end of the daemon.
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
 * Sends states through systemd's own program, so the unit needs `NotifyAccess=all`. Node has no
 * Unix datagram sockets, and the packages that add them are compiled at install.
 */
const tellSystemd: Tell = async (...states) => {
  await run('systemd-notify', states, { timeout: 10_000 });
};
