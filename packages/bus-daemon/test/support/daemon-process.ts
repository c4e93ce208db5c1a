import { join } from 'node:path';
import { type Child, type Ended, startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { packageFolder } from './scripts.js';

/** The built command line. */
export const cliPath = join(packageFolder, 'dist/cli.js');

/** One JSON line of the daemon's log. */
export interface LogLine {
  level: number;
  msg: string;
  hint?: string;
  code?: string;
  err?: { code?: string; message: string };
  [field: string]: unknown;
}

/** A daemon that runs as a process of its own. */
export interface DaemonProcess {
  pid: number;
  ended: Promise<Ended>;
  /** What it has logged so far. */
  log(): LogLine[];
  stderr(): string;
  /** Waits for a line with this text in its message (or that a function picks). */
  logged(what: string | ((line: LogLine) => boolean), timeoutMs?: number): Promise<LogLine>;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, and waits until it has. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** Starts the built daemon on a bus and waits until it is ready. */
export async function startDaemon(bus: TestBus, options: LaunchOptions = {}): Promise<DaemonProcess> {
  const daemon = launchDaemon(bus, options);
  await daemon.logged('bus daemon ready');
  return daemon;
}

/** Settles all that waits and ends. */
export async function drain(bus: TestBus): Promise<DaemonProcess> {
  const daemon = launchDaemon(bus, { args: ['--drain'] });
  const { code, signal } = await daemon.ended;
  if (code !== 0) throw new Error(`The draining daemon ended with ${signal ?? code}: ${daemon.stderr()}`);
  return daemon;
}

/** How a daemon is started. */
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
  const log = () => child.stderr().split('\n').flatMap(parseLine);
  let running = true;
  const ended = child.ended.finally(() => {
    running = false;
  });
  const logged = async (what: string | ((line: LogLine) => boolean), timeoutMs = 20_000) => {
    const matches = typeof what === 'string' ? (line: LogLine) => line.msg.includes(what) : what;
    const line = await eventually(
      () => log().find(matches),
      found => found !== undefined || !running,
      timeoutMs,
    ).catch(() => undefined);
    const found = line ?? log().find(matches);
    if (found === undefined) throw new Error(`The daemon did not log ${what}. It logged:\n${child.stderr()}`);
    return found;
  };
  return {
    pid: child.pid,
    ended,
    log,
    stderr: child.stderr,
    logged,
    kill: signal => child.process.kill(signal),
    stop: (signal = 'SIGTERM') => {
      child.process.kill(signal);
      return ended;
    },
  };
}

/** Runs a command of `quantbot-bus` to its end. */
export async function quantbotBus(
  bus: TestBus,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = startChild(process.execPath, [cliPath, ...args, '--config', bus.configPath], bus.folder);
  const { code } = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

function parseLine(line: string): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return []; // not of the logger, or not complete yet
  }
}
