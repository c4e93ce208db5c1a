import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { processIds } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';

/** A process that has removed or replaced files of the bus open, or mapped into memory. */
export interface Reader {
  pid: number;
  /** Its command line, shortened. */
  name: string;
  /** The paths that the files had. */
  files: string[];
}

/** The readers of old files, as far as this user may look. */
export interface Readers {
  readers: Reader[];
  /** Number of processes that this user may not look into; undefined if the system has no /proc. */
  unseen: number | undefined;
}

const gone = ' (deleted)';

/**
 * Returns the processes that hold old files of the bus: files below its folder and that of its
 * exports, and its database.
 *
 * @param own the process to leave out.
 */
export function readersOfOldFiles(
  { busRoot, duckdbPath, export: { exportDir } }: Pick<BusConfig, 'busRoot' | 'duckdbPath' | 'export'>,
  own = process.pid,
): Readers {
  const isOfBus = (path: string) =>
    path === duckdbPath || [busRoot, exportDir].some(folder => path.startsWith(join(folder, '/')));
  // The daemon removes each file there as soon as it has its name.
  const isTemporary = (path: string) => path.startsWith(join(busRoot, 'journal/building/'));
  const found: Readers = { readers: [], unseen: 0 };
  const pids = processIds();
  if (pids.length === 0) return { readers: [], unseen: undefined };
  for (const pid of pids) {
    if (pid === own) continue;
    const held = heldBy(pid);
    if (held === undefined) found.unseen = (found.unseen ?? 0) + 1;
    const old = (held ?? []).filter(path => path.endsWith(gone)).map(path => path.slice(0, -gone.length));
    const files = [...new Set(old)].filter(path => isOfBus(path) && !isTemporary(path)).sort();
    if (files.length > 0) found.readers.push({ pid, name: titleOf(pid), files });
  }
  return found;
}

/**
 * Returns the paths of the open and mapped files of a process; undefined if this user may not look.
 */
function heldBy(pid: number): string[] | undefined {
  try {
    const open = readdirSync(`/proc/${pid}/fd`).flatMap(fd => linkOf(`/proc/${pid}/fd/${fd}`) ?? []);
    const mapped = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
    return [...open, ...mapped.flatMap(line => /^\S+ \S+ \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1] ?? [])];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' ? undefined : []; // otherwise it has ended
  }
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 100);
  } catch {
    return 'ended meanwhile';
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile
  }
}
