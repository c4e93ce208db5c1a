import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Whether this process was started to outlive its terminal (`nohup`). Node puts every signal back
 * to its default when it starts, so the process itself no longer knows that SIGHUP was to be
 * ignored.
 */
export const mustOutliveTerminal = (env = process.env, ppid = process.ppid): boolean =>
  basename(env._ ?? '') === 'nohup' || ignoresHangup(ppid) || isWriteOnly(0);

/** A script under `nohup` passes on what it ignores, and cannot undo it. */
const ignoresHangup = (pid: number): boolean =>
  (BigInt(`0x${field(`/proc/${pid}/status`, 'SigIgn') ?? '0'}`) & 1n) === 1n;

/** `nohup` replaces a terminal on standard input with a file that cannot be read. */
const isWriteOnly = (descriptor: number): boolean =>
  (Number.parseInt(field(`/proc/self/fdinfo/${descriptor}`, 'flags') ?? '0', 8) & 3) === 1;

/** One line of a file of /proc; undefined when the process is gone, and where there is no /proc. */
function field(path: string, name: string): string | undefined {
  try {
    return new RegExp(`^${name}:\\s*(\\w+)$`, 'm').exec(readFileSync(path, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

/** The signals that ask a command to end. */
export const stopSignals = (): NodeJS.Signals[] => [
  'SIGINT',
  'SIGTERM',
  ...(mustOutliveTerminal() ? [] : ['SIGHUP' as const]),
];
