import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type BusConfig, findBusConfig, processIds } from '@quantbot/infra';

/** What a process calls itself, for people; undefined when it is gone or there is no /proc. */
export const nameOf = (pid: number): string | undefined =>
  read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim().slice(0, 100) || undefined;

/** Whether a process is stopped by a signal (or a debugger): it is there, and does nothing. */
export const isSuspended = (pid: number): boolean => /^State:\s+[Tt]/m.test(read(`/proc/${pid}/status`) ?? '');

/**
 * The daemons of this machine that want to write this bus root or this database, running or waiting
 * for the lock.
 */
export function daemonsOf({ busRoot, duckdbPath }: BusConfig): number[] {
  return processIds().filter(pid => {
    const title = nameOf(pid);
    if (title === undefined || !/^bus_daemon( |$)/.test(title)) return false;
    const config = configOf(pid);
    return config !== undefined && (config.busRoot === busRoot || config.duckdbPath === duckdbPath);
  });
}

/**
 * Whether a process has a file open that lay at this path and was removed there, or replaced by
 * another.
 */
export function holdsDeleted(pid: number, path: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(fd => linkOf(`/proc/${pid}/fd/${fd}`) === `${path} (deleted)`);
  } catch {
    return false; // gone, or not ours to look into
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile
  }
}

/** The configuration that a daemon works with, found as it has found it. */
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
    return undefined; // gone, another user's, or without a configuration that one could read
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
