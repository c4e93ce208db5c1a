import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processIds } from '@quantbot/infra/bus';
import { type BusConfig, findBusConfig } from '@quantbot/infra/config';

/** Returns the title of a process; undefined if it has ended or there is no /proc. */
export const nameOf = (pid: number): string | undefined =>
  read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim().slice(0, 100) || undefined;

/** Returns whether a signal or a debugger has stopped a process. */
export const isSuspended = (pid: number): boolean => /^State:\s+[Tt]/m.test(read(`/proc/${pid}/status`) ?? '');

/**
 * Returns the daemons of this machine that write this bus root or this database, or wait for its
 * lock.
 */
export function daemonsOf({ busRoot, duckdbPath }: BusConfig): number[] {
  const found = processIds().filter(pid => {
    const title = nameOf(pid);
    if (title === undefined || !/^bus_daemon( |$)/.test(title)) return false;
    const config = configOf(pid);
    return config !== undefined && (config.busRoot === busRoot || config.duckdbPath === duckdbPath);
  });
  // A process that a daemon has just started has the daemon's name until it runs its own program.
  return found.filter(pid => !found.includes(parentOf(pid)));
}

const parentOf = (pid: number): number => Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]);

/** Returns whether a process has a file open that was removed from this path, or replaced. */
export function holdsDeleted(pid: number, path: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(fd => linkOf(`/proc/${pid}/fd/${fd}`) === `${path} (deleted)`);
  } catch {
    return false; // ended, or another user's
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile
  }
}

/** Returns the configuration of a daemon, found in the same way as the daemon found it. */
function configOf(pid: number): BusConfig | undefined {
  try {
    const title = (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
    const [, named] = / (?:-c|--config)[ =](.+?)(?: --drain)?$/.exec(title) ?? [];
    const env = Object.fromEntries(
      (read(`/proc/${pid}/environ`) ?? '').split('\0').map(entry => entry.split(/=(.*)/s, 2) as [string, string]),
    );
    return findBusConfig({ ...(named !== undefined && { config: named }), cwd: readlinkSync(`/proc/${pid}/cwd`), env })
      .config;
  } catch {
    return undefined; // ended, another user's, or without a readable configuration
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
