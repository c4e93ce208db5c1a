import { randomBytes } from 'node:crypto';
import { lstatSync, type Stats } from 'node:fs';
import { link, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  type BusConfig,
  busLayout,
  exists,
  makeFolderDurable,
  systemErrorCode,
  writeFileAtomic,
} from '@quantbot/infra';
import { z } from 'zod';
import { daemonError } from './errors.js';

const holderSchema = z.object({ pid: z.number(), host: z.string(), since: z.string(), bus_root: z.string() });

/** Who is the writer, as `<duckdb_path>.writer.lock` tells people. The file is no lock: the guards are. */
export type LockHolder = z.infer<typeof holderSchema>;

/** The right to write. It ends with the process, whatever ends it. */
export interface WriterLock {
  release(): Promise<void>;
}

const retryMs = 100;
/** Guards of this process: the operating system's locks do not keep a process from itself. */
const held = new Set<string>();

/** Where people look for who holds the lock. */
export const lockFileOf = (duckdbPath: string): string => `${duckdbPath}.writer.lock`;

/** The files whose locks make a writer: of the bus root, and of the database path. */
export const guardsOf = ({ busRoot, duckdbPath }: BusConfig): [root: string, database: string] => [
  join(busRoot, 'writer.guard'),
  join(dirname(duckdbPath), `.${basename(duckdbPath)}.guard`),
];

/** The file whose lock makes the one who backs a bus root up. */
export const backupGuardOf = (busRoot: string): string => join(busRoot, 'backup.guard');

/** Whether a file is one of the guards, under whatever name it was found: opened and closed, it would take their lock away. */
export function isGuard(config: BusConfig, { nlink, ino, dev }: Stats): boolean {
  if (nlink === 1) return false; // a guard has a name of its own already
  return [...guardsOf(config), backupGuardOf(config.busRoot)].some(path => {
    const guard = lstatSync(path, { throwIfNoEntry: false });
    return guard?.ino === ino && guard.dev === dev;
  });
}

/**
 * Becomes the one writer of a bus root and of a database path, or waits `lock_timeout_s` for it.
 *
 * The guard is DuckDB's own lock on two small private databases, which the operating system releases when the process dies. They must
 * never be opened in any other way: closing any descriptor of a file drops the process's locks on it (POSIX).
 *
 * @throws DaemonError `LOCK_TIMEOUT`, naming the holder.
 */
export async function acquireWriterLock(config: BusConfig): Promise<WriterLock> {
  const { busRoot, duckdbPath, lockTimeoutMs } = config;
  const deadline = performance.now() + lockTimeoutMs;
  const taken: (() => void)[] = [];
  const dropAll = () => {
    for (const release of taken.splice(0)) release();
  };
  try {
    for (const path of guardsOf(config)) taken.push(await takeGuard(path, deadline, config));
    writeFileAtomic(lockFileOf(duckdbPath), `${JSON.stringify(describeSelf(busRoot), null, 2)}\n`);
  } catch (error) {
    dropAll();
    throw error;
  }
  return {
    release: async () => {
      await rm(lockFileOf(duckdbPath), { force: true });
      dropAll();
    },
  };
}

/** Who holds the lock on a database path, as far as the file tells; `alive` says whether that process still runs on this host. */
export async function readLockHolder(duckdbPath: string): Promise<(LockHolder & { alive: boolean }) | undefined> {
  try {
    const holder = holderSchema.parse(JSON.parse(await readFile(lockFileOf(duckdbPath), 'utf8')));
    return { ...holder, alive: holder.host !== hostname() || isRunning(holder.pid) };
  } catch {
    return undefined; // no file, or one that a crash has torn: nobody to name
  }
}

/**
 * The operating system's lock on a small private database, which is made where there is none; `building` is a folder beside it for what is not finished.
 *
 * @returns a function that releases it; undefined while another has it.
 */
export async function tryGuard(path: string, building: string): Promise<(() => void) | undefined> {
  await ensureGuard(path, building);
  const instance = held.has(path) ? undefined : await tryOpen(path);
  if (instance === undefined) return undefined;
  held.add(path);
  return () => {
    instance.closeSync();
    held.delete(path);
  };
}

async function takeGuard(path: string, deadline: number, config: BusConfig): Promise<() => void> {
  for (;;) {
    const release = await tryGuard(path, busLayout(config.busRoot).building);
    if (release !== undefined) return release;
    if (performance.now() >= deadline) throw await lockTimeout(config);
    await sleep(retryMs);
  }
}

/** Made under another name and linked in whole, so that no crash leaves a guard that cannot be opened. */
async function ensureGuard(path: string, building: string): Promise<void> {
  await makeFolderDurable(dirname(path));
  await makeFolderDurable(building);
  while (!(await exists(path))) {
    const temporary = join(building, `guard-${process.pid}-${randomBytes(6).toString('hex')}`);
    const instance = await DuckDBInstance.create(temporary, { threads: '1' });
    const connection = await instance.connect();
    await connection.run('CHECKPOINT');
    connection.closeSync();
    instance.closeSync();
    try {
      await link(temporary, path);
    } catch (error) {
      if (systemErrorCode(error) === 'EXDEV')
        throw daemonError('CROSS_DEVICE', `${path} and ${building} are on different file systems.`, { cause: error });
      // Taken: another daemon was first. Gone: another daemon has become the writer and cleared the folder.
      if (!['EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

async function tryOpen(path: string): Promise<DuckDBInstance | undefined> {
  try {
    return await DuckDBInstance.create(path, { threads: '1', memory_limit: '64MB' });
  } catch (error) {
    if (/lock/i.test((error as Error).message)) return undefined;
    throw error;
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

const describeSelf = (busRoot: string): LockHolder => ({
  pid: process.pid,
  host: hostname(),
  since: new Date().toISOString(),
  bus_root: busRoot,
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}
