import { join } from 'node:path';
import { createLogger, type Logger } from '@quantbot/infra';
import { type BusConfig, findBusConfig } from '@quantbot/infra/config';
import { type Child, type Ended, startChild } from '@quantbot/tooling-testing/child';
import { type CommandResult, runInProcess } from '@quantbot/tooling-testing/command-line';
import { eventually } from '@quantbot/tooling-testing/eventually';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { onTestFinished } from 'vitest';
import { daemonFolder } from './scripts.js';

/** The built command line. */
export const cliPath = join(daemonFolder, 'dist/cli.js');

/** One JSON line of the daemon's log. */
export interface LogLine {
  level: number;
  msg: string;
  hint?: string;
  code?: string;
  err?: { code?: string; message: string };
  [field: string]: unknown;
}

/** A running daemon. */
export interface RunningDaemon {
  ended: Promise<Ended>;
  /** The lines logged so far. */
  log(): LogLine[];
  stderr(): string;
  /** Waits for a line with this text in its message (or that a function picks). */
  logged(what: string | ((line: LogLine) => boolean), timeoutMs?: number): Promise<LogLine>;
  /** Asks the daemon to end, and waits until it has. */
  stop(): Promise<Ended>;
}

/** A daemon in its own process. */
export interface DaemonProcess extends RunningDaemon {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** Starts the built daemon as a process and waits until it is ready. */
export async function spawnDaemon(bus: TestBus, options: LaunchOptions = {}): Promise<DaemonProcess> {
  const daemon = launchDaemon(bus, options);
  await daemon.logged('bus daemon ready');
  return daemon;
}

/**
 * Starts the built daemon in the test's own process and waits until it is ready. It ends with the
 * test. A daemon does not see readers in its own process. So it must leave them time before it
 * deletes files that a superseded database needs.
 */
export async function startDaemon(bus: TestBus, { http }: { http?: string } = {}): Promise<RunningDaemon> {
  const { startDaemon: start } = await builtDaemon();
  const { config } = findBusConfig({ config: bus.configPath });
  if (config.compaction.releaseGraceMs === 0) throw new Error('Without release_grace_s, the test needs spawnDaemon.');
  const listen = http ?? config.http.listen;
  const { logger, text } = collectingLogger(config);
  const daemon = await start({ config: { ...config, http: { ...config.http, listen } }, logger });
  onTestFinished(() => daemon.stop().catch(() => {})); // `ended` reports it
  const ended = daemon.finished.then(
    () => ({ code: 0, signal: null }),
    () => ({ code: 1, signal: null }),
  );
  const stop = () =>
    daemon.stop().then(
      () => ended,
      () => ended,
    );
  const running = { ended, stop, ...readLog(text, ended) };
  await running.logged('bus daemon ready');
  return running;
}

/** Settles all waiting jobs, with a daemon in the test's own process. */
export async function drain(bus: TestBus): Promise<Pick<RunningDaemon, 'log' | 'stderr'>> {
  const { startDaemon: start } = await builtDaemon();
  const { config } = findBusConfig({ config: bus.configPath });
  const { logger, text } = collectingLogger(config);
  const { finished } = await start({ config, logger, drain: true });
  await finished;
  return readLog(text, finished);
}

/** Creates a logger that collects its lines. */
function collectingLogger({ logLevel }: BusConfig): { logger: Logger; text: () => string } {
  let text = '';
  const write = (line: string) => {
    text += line;
  };
  return { logger: createLogger({ name: 'bus_daemon', level: logLevel, write }), text: () => text };
}

/** Loads the built daemon, untransformed. */
const builtDaemon = () => import('@quantbot/bus-daemon');

/** The options of a daemon's start. */
export interface LaunchOptions {
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** Starts the built daemon on a bus, without waiting for anything. */
export function launchDaemon(bus: TestBus, { args = [], env = {} }: LaunchOptions = {}): DaemonProcess {
  return asDaemon(
    startChild(process.execPath, [cliPath, 'start', '--config', bus.configPath, ...args], bus.folder, env),
  );
}

/** Reads a process's standard error as the daemon's log. */
export function asDaemon(child: Child): DaemonProcess {
  return {
    pid: child.pid,
    ended: child.ended,
    ...readLog(child.stderr, child.ended),
    kill: signal => child.process.kill(signal),
    stop: (signal = 'SIGTERM') => {
      child.process.kill(signal);
      return child.ended;
    },
  };
}

/** Returns access to a daemon's log so far. */
function readLog(stderr: () => string, ended: Promise<unknown>): Pick<RunningDaemon, 'log' | 'logged' | 'stderr'> {
  const log = () => stderr().split('\n').flatMap(parseLine);
  let running = true;
  const hasEnded = () => {
    running = false;
  };
  ended.then(hasEnded, hasEnded);
  const logged = async (what: string | ((line: LogLine) => boolean), timeoutMs = 120_000) => {
    const matches = typeof what === 'string' ? (line: LogLine) => line.msg.includes(what) : what;
    const line = await eventually(
      () => log().find(matches),
      found => found !== undefined || !running,
      timeoutMs,
    ).catch(() => undefined);
    const found = line ?? log().find(matches);
    if (found === undefined) throw new Error(`The daemon did not log ${what}. It logged:\n${stderr()}`);
    return found;
  };
  return { log, logged, stderr };
}

/** Runs a command of `quantbot-bus` to its end, in the test's own process. */
export const quantbotBus = (bus: TestBus, ...args: string[]): Promise<CommandResult> =>
  runInProcess([...args, '--config', bus.configPath], bus.folder);

function parseLine(line: string): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return []; // not a line of the logger, or not complete yet
  }
}
