import { readdirSync, readFileSync, statSync } from 'node:fs';

/** A process that holds a lock on a file. */
export interface FileLock {
  pid: number;
  mode: 'READ' | 'WRITE';
}

// 1: POSIX ADVISORY WRITE 4711 08:01:131081 0 EOF. A waiting request has `->` after the number.
const lockLine = /^\d+: POSIX +\w+ +(READ|WRITE) +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /;

/** Returns whether a process holds a write lock on any file. */
export const isWriting = (pid: number): boolean =>
  (readTable() ?? []).some(line => {
    const match = lockLine.exec(line);
    return match?.[1] === 'WRITE' && Number(match[2]) === pid;
  });

/**
 * Returns the holders of the operating system's locks on a file; undefined without /proc. It does
 * not open the file: closing it would release this process's own locks on it.
 */
export function locksOn(path: string): FileLock[] | undefined {
  const table = readTable();
  if (table === undefined) return undefined;
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return [];
  return table.flatMap(line => {
    const match = lockLine.exec(line);
    if (match === null || Number(match[5]) !== file.ino) return [];
    const pid = Number(match[2]);
    const device = [Number.parseInt(match[3] as string, 16), Number.parseInt(match[4] as string, 16)];
    return isDevice(file.dev, device) || hasOpen(pid, file) ? [{ pid, mode: match[1] as FileLock['mode'] }] : [];
  });
}

function readTable(): string[] | undefined {
  try {
    return readFileSync('/proc/locks', 'utf8').split('\n');
  } catch {
    return undefined;
  }
}

const isDevice = (dev: number, [major, minor]: number[]): boolean =>
  ((dev >>> 8) & 0xfff) === major && ((dev & 0xff) | ((dev >>> 12) & 0xfff00)) === minor;

/**
 * Whether a process has a file open. On some file systems (btrfs, overlay) the table of locks names
 * another device than `stat` does.
 */
function hasOpen(pid: number, file: { dev: number; ino: number }): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(fd => {
      const open = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false });
      return open?.ino === file.ino && open.dev === file.dev;
    });
  } catch {
    return false; // the process has ended or belongs to another user
  }
}
