import { lstatSync, rmSync, type Stats, statSync } from 'node:fs';
import { chown, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { makeFolderDurable, readSmallFile, replaceFile, smallFileBytes, systemErrorCode } from '@quantbot/infra/files';
import * as z from 'zod';
import { daemonError, unlessUnreadable } from '../errors.js';
import { type Guard, isSame, tryGuard } from './guard.js';
import { assertHardLinks } from './hard-links.js';
import { pidNamespace } from './pid-namespace.js';

const holderSchema = z.object({
  pid: z.number(),
  host: z.string(),
  since: z.string(),
  bus_root: z.string(),
  /** The PID namespace of the pid; absent outside of Linux. */
  pid_namespace: z.string().optional(),
});

/**
 * The writer, as `<duckdb_path>.writer.lock` shows it to people. That file is not a lock: the
 * guards are.
 */
export type LockHolder = z.infer<typeof holderSchema>;

/** The right to write. It ends with the process, however that ends. */
export interface WriterLock {
  /**
   * Checks that this process still holds the bus, and that the configured paths still lead to it.
   * Costs a few `stat` calls; called before each commit.
   *
   * @throws DaemonError `BUS_REMOVED`, `LOCK_LOST`.
   */
  assertHeld(): void;
  release(): Promise<void>;
}

const retryMs = 100;

/** Returns the path of the file that names the holder of the lock. */
export const lockFileOf = (duckdbPath: string): string => `${duckdbPath}.writer.lock`;

/** Returns the guards of the writer: one for the bus root, one for the database path. */
export const guardsOf = ({ busRoot, duckdbPath }: BusConfig): [root: string, database: string] => [
  join(busRoot, 'writer.guard'),
  join(dirname(duckdbPath), `.${basename(duckdbPath)}.guard`),
];

/** Returns the guard of the process that backs up a bus root. */
export const backupGuardOf = (busRoot: string): string => join(busRoot, 'backup.guard');

/** Returns the guard of the process that scrubs a bus. */
export const scrubGuardOf = (busRoot: string): string => join(busRoot, 'scrub.guard');

/** `verify` and `scrub` hold a guard while they look at it. */
const looks = { retries: 10, everyMs: 100 };

/**
 * Takes a guard for work that one process at a time does beside the writer. Waits up to a second.
 *
 * @returns a function that releases it; undefined while another process holds it.
 */
export async function lockWork(path: string, { root, building }: BusLayout): Promise<(() => void) | undefined> {
  let guard = await tryGuard(path, building);
  for (let retry = 0; guard === undefined && retry < looks.retries; retry++) {
    await sleep(looks.everyMs);
    guard = await tryGuard(path, building);
  }
  if (guard !== undefined && process.getuid?.() === 0) {
    const { uid, gid } = await stat(root);
    await chown(path, uid, gid); // the next holder may not be root
  }
  return guard?.release;
}

/**
 * Whether a file is one of the guards, under any name. Opening and closing it would drop its lock.
 */
export function isGuard(config: BusConfig, { nlink, ino, dev }: Stats): boolean {
  if (nlink === 1) return false; // a guard found under another name has at least two names
  return [...guardsOf(config), backupGuardOf(config.busRoot), scrubGuardOf(config.busRoot)].some(path => {
    const guard = lstatSync(path, { throwIfNoEntry: false });
    return guard?.ino === ino && guard.dev === dev;
  });
}

/**
 * Becomes the only writer of a bus root and a database path. Waits up to `lock_timeout_s` for it.
 *
 * @throws DaemonError `LOCK_TIMEOUT`, naming the holder; `NO_HARD_LINKS`.
 */
export async function acquireWriterLock(config: BusConfig): Promise<WriterLock> {
  const { busRoot, duckdbPath, lockTimeoutMs } = config;
  const deadline = performance.now() + lockTimeoutMs;
  const guards: Guard[] = [];
  const dropAll = () => {
    for (const guard of guards.splice(0)) guard.release();
  };
  const text = `${JSON.stringify(describeSelf(busRoot), null, 2)}\n`;
  const { building, hot } = busLayout(busRoot);
  await makeFolderDurable(building);
  assertHardLinks(building);
  try {
    for (const path of guardsOf(config)) guards.push(await takeGuard(path, deadline, config));
    nameHolder(duckdbPath, text);
  } catch (error) {
    dropAll();
    throw error;
  }
  let journal: Stats | undefined;
  return {
    assertHeld: () => {
      for (const guard of guards) guard.assertHeld();
      const there = statSync(hot, { throwIfNoEntry: false }); // a missing folder makes each commit fail anyway
      if (journal !== undefined && there !== undefined && !isSame(journal, there))
        throw daemonError('BUS_REMOVED', `The journal was removed under the daemon: ${hot} is now another folder.`);
      journal ??= there;
    },
    release: async () => {
      const there = readLockFile(duckdbPath);
      if (there === text) await rm(lockFileOf(duckdbPath), { force: true }); // unless a later writer has replaced it
      dropAll();
    },
  };
}

/**
 * Names the holder for people. A full disk does not stop a start, because a daemon pauses there and
 * resumes by itself. Then there is no name, rather than that of an earlier holder.
 */
function nameHolder(duckdbPath: string, text: string): void {
  const path = lockFileOf(duckdbPath);
  try {
    replaceFile(path, text);
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? '')) throw error;
    rmSync(path, { force: true });
  }
}

/** Returns the text of the lock file; undefined if it is missing or not a regular file. */
const readLockFile = (duckdbPath: string): string | undefined =>
  unlessUnreadable(() => readSmallFile(lockFileOf(duckdbPath), smallFileBytes).toString('utf8'));

/**
 * Returns the holder of the lock on a database path, as its file names it. `alive` is false only if
 * the process would be visible from here and is not.
 */
export async function readLockHolder(duckdbPath: string): Promise<(LockHolder & { alive: boolean }) | undefined> {
  try {
    const holder = holderSchema.parse(JSON.parse(readLockFile(duckdbPath) ?? ''));
    return { ...holder, alive: !isInSight(holder) || isRunning(holder.pid) };
  } catch {
    return undefined; // no file, or one that a crash has torn: no holder to name
  }
}

async function takeGuard(path: string, deadline: number, config: BusConfig): Promise<Guard> {
  for (;;) {
    const guard = await tryGuard(path, busLayout(config.busRoot).building);
    if (guard !== undefined) return guard;
    if (performance.now() >= deadline) throw await lockTimeout(config);
    await sleep(retryMs);
  }
}

async function lockTimeout({ duckdbPath, lockTimeoutMs }: BusConfig) {
  const holder = await readLockHolder(duckdbPath);
  const who =
    holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host} since ${holder.since}`;
  return daemonError('LOCK_TIMEOUT', `The bus is being written by ${who}; waited ${lockTimeoutMs / 1000} s.`, {
    details: holder === undefined ? [] : [`pid: ${holder.pid}`, `host: ${holder.host}`, `since: ${holder.since}`],
  });
}

function describeSelf(busRoot: string): LockHolder {
  const namespace = pidNamespace();
  return {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    bus_root: busRoot,
    ...(namespace !== undefined && { pid_namespace: namespace }),
  };
}

/** Whether the pid of a lock file belongs to this machine and this container. */
export const isInSight = ({ host, pid_namespace }: LockHolder): boolean =>
  host === hostname() && (pid_namespace === undefined || pid_namespace === pidNamespace());

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}
