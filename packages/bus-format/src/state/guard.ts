import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { chmod, link, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { exists, makeFolderDurable, systemErrorCode } from '@quantbot/infra/files';
import { machineFaultIn, openFault } from '../duckdb-fault.js';
import { daemonError } from '../errors.js';

/**
 * A file that makes its holder the only one: the operating system's lock on a small private DuckDB
 * database, which ends with the process. No process may open a guard that it holds in any other
 * way: closing any descriptor of a file drops the process's locks on it (POSIX).
 */
export interface Guard {
  path: string;
  /**
   * Costs a `stat` and, on Linux, a read of /proc.
   *
   * @throws DaemonError `BUS_REMOVED`: another file lies at the path, or none. `LOCK_LOST`: the
   * file is there, the lock on it is gone.
   */
  assertHeld(): void;
  release(): void;
}

/** Guards of this process: the operating system's locks do not keep a process from itself. */
const held = new Set<string>();

/**
 * Takes a guard, which is made where there is none or a damaged one; `building` is a folder on its
 * file system for what is not finished.
 *
 * @returns undefined while another has it.
 */
export async function tryGuard(path: string, building: string): Promise<Guard | undefined> {
  await ensureGuard(path, building);
  const instance = held.has(path) ? undefined : await openOrReplace(path, building);
  if (instance === undefined) return undefined;
  const file = statSync(path, { throwIfNoEntry: false });
  const lock = file && findLock(file);
  held.add(path);
  return {
    path,
    assertHeld: () => {
      assertThere(path, file);
      if (lock !== undefined && !showsLock(lock))
        throw daemonError('LOCK_LOST', `The lock on ${path} is gone, although this process did not release it.`);
    },
    release: () => {
      instance.closeSync();
      held.delete(path);
    },
  };
}

/**
 * Whether somebody holds a guard: `free` also where there is none. `damaged`: nobody does, and the
 * next start creates it again.
 */
export async function lookAtGuard(path: string): Promise<'free' | 'held' | 'damaged' | 'unknown'> {
  if (held.has(path)) return 'held';
  if (!(await exists(path))) return 'free';
  if (isNoFile(path)) return 'damaged';
  try {
    (await DuckDBInstance.create(path, { access_mode: 'READ_ONLY', threads: '1', memory_limit: '64MB' })).closeSync();
    return 'free';
  } catch (error) {
    if (openFault(error) === 'locked') return 'held';
    return isUnreadable(error) ? 'unknown' : 'damaged';
  }
}

/** Whether something else lies in the place of a guard. DuckDB would wait for a FIFO for ever. */
const isNoFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === false;

/** Whether the machine, and not the file's content, keeps DuckDB from opening it. */
const isUnreadable = (error: unknown): boolean => {
  const { message } = error as Error;
  return machineFaultIn(message) !== undefined || /^(IO Error: Cannot open file|Out of Memory Error)/.test(message);
};

/**
 * Made under another name and linked in whole, so that no crash leaves a guard that cannot be
 * opened.
 */
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
      await chmod(temporary, 0o600); // whoever may open it may lock it, and keep every daemon out
      await link(temporary, path);
    } catch (error) {
      if (systemErrorCode(error) === 'EXDEV')
        throw daemonError('CROSS_DEVICE', `${path} and ${building} are on different file systems.`, { cause: error });
      // Taken: another daemon was first. Gone: another daemon has become the writer and cleared the
      // folder.
      if (!['EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

async function openOrReplace(path: string, building: string): Promise<DuckDBInstance | undefined> {
  const before = statSync(path, { throwIfNoEntry: false });
  try {
    return await tryOpen(path);
  } catch (error) {
    // DuckDB locks a file before it reads it: nobody holds one of which it can say that it is
    // damaged.
    if (isUnreadable(error)) throw machineFaultIn((error as Error).message) ?? error;
    if (before !== undefined && isSame(before, statSync(path, { throwIfNoEntry: false })))
      await (before.isDirectory() ? rename(path, `${path}.damaged-${Date.now()}`) : rm(path));
    await ensureGuard(path, building);
    return tryOpen(path);
  }
}

async function tryOpen(path: string): Promise<DuckDBInstance | undefined> {
  if (isNoFile(path)) throw new Error(`${path} is not a regular file.`);
  try {
    return await DuckDBInstance.create(path, { threads: '1', memory_limit: '64MB' });
  } catch (error) {
    if (openFault(error) === 'locked') return undefined;
    throw error;
  }
}

function assertThere(path: string, expected: Stats | undefined): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && isSame(there, expected)) return;
  throw daemonError(
    'BUS_REMOVED',
    `The bus was removed under the daemon: ${path} is ${there === undefined ? 'gone' : 'not the file that the daemon holds'}.`,
  );
}

/** Whether two looks saw the same file or folder. */
export const isSame = (one: Stats, other: Stats | undefined): boolean =>
  one.ino === other?.ino && one.dev === other.dev;

const descriptors = '/proc/self/fd';

/**
 * What shows the lock that this process has on a file; undefined where the system does not tell, as
 * outside of Linux.
 */
function findLock(file: Stats): string | undefined {
  try {
    return readdirSync(descriptors)
      .filter(fd => isSame(file, statSync(`${descriptors}/${fd}`, { throwIfNoEntry: false })))
      .map(fd => `/proc/self/fdinfo/${fd}`)
      .find(showsLock);
  } catch {
    return undefined;
  }
}

function showsLock(descriptor: string): boolean {
  try {
    return /^lock:.* WRITE /m.test(readFileSync(descriptor, 'latin1'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false; // the descriptor itself was closed
    throw error;
  }
}
