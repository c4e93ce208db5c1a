import { lstatSync, type Stats, statSync } from 'node:fs';
import { chown, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BusLayout, busLayout } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { makeFolderDurable, readSmallFile, replaceFile, smallFileBytes, systemErrorCode } from '@quantbot/infra/files';
import { z } from 'zod';
import { daemonError, unlessUnreadable } from '../errors.js';
import { type Guard, isSame, tryGuard } from './guard.js';
import { assertHardLinks } from './hard-links.js';
import { pidNamespace } from './pid-namespace.js';

const holderSchema = z.object({
  pid: z.number(),
  host: z.string(),
  since: z.string(),
  bus_root: z.string(),
  /**
   * In which of the machine's worlds of processes the pid means something; absent where there is
   * one only.
   */
  pid_namespace: z.string().optional(),
});

/**
 * Who is the writer, as `<duckdb_path>.writer.lock` tells people. The file is no lock: the guards
 * are.
 */
export type LockHolder = z.infer<typeof holderSchema>;

/** The right to write. It ends with the process, whatever ends it. */
export interface WriterLock {
  /**
   * Makes sure that the bus at the configured paths is still the one that is held, and that it is
   * held. Some `stat` calls: before each commit.
   *
   * @throws DaemonError `BUS_REMOVED`, `LOCK_LOST`.
   */
  assertHeld(): void;
  release(): Promise<void>;
}

const retryMs = 100;

/** Where people look for who holds the lock. */
export const lockFileOf = (duckdbPath: string): string => `${duckdbPath}.writer.lock`;

/** The files whose locks make a writer: of the bus root, and of the database path. */
export const guardsOf = ({ busRoot, duckdbPath }: BusConfig): [root: string, database: string] => [
  join(busRoot, 'writer.guard'),
  join(dirname(duckdbPath), `.${basename(duckdbPath)}.guard`),
];

/** The file whose lock makes the one who backs a bus root up. */
export const backupGuardOf = (busRoot: string): string => join(busRoot, 'backup.guard');

/** The file whose lock makes the one who scrubs a bus. */
export const scrubGuardOf = (busRoot: string): string => join(busRoot, 'scrub.guard');

/**
 * Takes a guard for work that is done by one process at a time, beside the writer.
 *
 * @returns a function that gives it back; undefined while another process has it.
 */
export async function lockWork(path: string, { root, building }: BusLayout): Promise<(() => void) | undefined> {
  const guard = await tryGuard(path, building);
  if (guard !== undefined && process.getuid?.() === 0) {
    const { uid, gid } = await stat(root);
    await chown(path, uid, gid); // the next one is perhaps not made by root
  }
  return guard?.release;
}

/**
 * Whether a file is one of the guards, under whatever name it was found: opened and closed, it
 * would take their lock away.
 */
export function isGuard(config: BusConfig, { nlink, ino, dev }: Stats): boolean {
  if (nlink === 1) return false; // a guard has a name of its own already
  return [...guardsOf(config), backupGuardOf(config.busRoot), scrubGuardOf(config.busRoot)].some(path => {
    const guard = lstatSync(path, { throwIfNoEntry: false });
    return guard?.ino === ino && guard.dev === dev;
  });
}

/**
 * Becomes the one writer of a bus root and of a database path, or waits `lock_timeout_s` for it.
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
    replaceFile(lockFileOf(duckdbPath), text);
  } catch (error) {
    dropAll();
    throw error;
  }
  let journal: Stats | undefined;
  return {
    assertHeld: () => {
      for (const guard of guards) guard.assertHeld();
      const there = statSync(hot, { throwIfNoEntry: false }); // one that is missing stops every commit by itself
      if (journal !== undefined && there !== undefined && !isSame(journal, there))
        throw daemonError('BUS_REMOVED', `The journal was removed under the daemon: ${hot} is now another folder.`);
      journal ??= there;
    },
    release: async () => {
      const there = readLockFile(duckdbPath);
      if (there === text) await rm(lockFileOf(duckdbPath), { force: true }); // not that of who came after us
      dropAll();
    },
  };
}

/** Undefined if there is none, or something else in its place. */
const readLockFile = (duckdbPath: string): string | undefined =>
  unlessUnreadable(() => readSmallFile(lockFileOf(duckdbPath), smallFileBytes).toString('utf8'));

/**
 * Who holds the lock on a database path, as far as the file tells; `alive` is false for a process
 * that would be seen from here if it ran.
 */
export async function readLockHolder(duckdbPath: string): Promise<(LockHolder & { alive: boolean }) | undefined> {
  try {
    const holder = holderSchema.parse(JSON.parse(readLockFile(duckdbPath) ?? ''));
    return { ...holder, alive: !isInSight(holder) || isRunning(holder.pid) };
  } catch {
    return undefined; // no file, or one that a crash has torn: nobody to name
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

/**
 * Whether the pid that a lock file names means the same process here: neither another machine's nor
 * another container's.
 */
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
