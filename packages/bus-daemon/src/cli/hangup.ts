import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Whether this process was started to outlive its terminal (`nohup`). Node resets every signal to
 * its default when it starts, so the process itself no longer knows that SIGHUP should be ignored.
 */
export const mustOutliveTerminal = (env = process.env, ppid = process.ppid): boolean =>
  basename(env._ ?? '') === 'nohup' || ignoresHangup(ppid) || isWriteOnly(0);

/**
 * Whether a process ignores SIGHUP. A script under `nohup` ignores it too, and cannot undo that.
 */
const ignoresHangup = (pid: number): boolean =>
  (BigInt(`0x${field(`/proc/${pid}/status`, 'SigIgn') ?? '0'}`) & 1n) === 1n;

/**
 * Whether a descriptor is write-only: `nohup` replaces a terminal on standard input with such a
 * file.
 */
const isWriteOnly = (descriptor: number): boolean =>
  (Number.parseInt(field(`/proc/self/fdinfo/${descriptor}`, 'flags') ?? '0', 8) & 3) === 1;

/** Returns one line of a file in /proc; undefined if the process has ended or there is no /proc. */
function field(path: string, name: string): string | undefined {
  try {
    return new RegExp(`^${name}:\\s*(\\w+)$`, 'm').exec(readFileSync(path, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

/** Returns the signals that ask a command to end. */
export const stopSignals = (): NodeJS.Signals[] => [
  'SIGINT',
  'SIGTERM',
  ...(mustOutliveTerminal() ? [] : ['SIGHUP' as const]),
];
