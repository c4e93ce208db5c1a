import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { chmod, link, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { exists, makeFolderDurable, systemErrorCode } from '@quantbot/infra/files';
import { machineFaultIn, openFault } from '../duckdb-fault.js';
import { daemonError } from '../errors.js';

/**
 * A file that only one process can hold. The guard is the operating system's lock on a small
 * private DuckDB database, which ends with the process. The holder must not open the file in any
 * other way: closing any descriptor of a file drops the process's locks on it (POSIX).
 */
export interface Guard {
  path: string;
  /**
   * Costs a `stat` and, on Linux, a read of /proc.
   *
   * @throws DaemonError `BUS_REMOVED`: the file is missing or another file is at the path.
   * `LOCK_LOST`: the file is there, but its lock is gone.
   */
  assertHeld(): void;
  release(): void;
}

/**
 * The guards that this process holds: the operating system's locks do not exclude the same process.
 */
const held = new Set<string>();

/**
 * Takes a guard, and creates it first if it is missing or damaged. `building` is a folder for
 * unfinished files on the same file system.
 *
 * @returns undefined while another holder has it.
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
 * Returns whether a process holds a guard. `free` also means that there is no guard. `damaged`
 * means that no process holds it and that the next start recreates it.
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

/** Whether the path is not a regular file. DuckDB would wait forever for a FIFO. */
const isNoFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === false;

/** Whether DuckDB cannot open the file because of the machine, and not because of its content. */
const isUnreadable = (error: unknown): boolean => {
  const { message } = error as Error;
  return machineFaultIn(message) !== undefined || /^(IO Error: Cannot open file|Out of Memory Error)/.test(message);
};

/**
 * Creates a guard under a temporary name and links it when it is complete, so that no crash leaves
 * a guard that cannot be opened.
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
      await chmod(temporary, 0o600); // any user who can open it could lock it, and keep every daemon out
      await link(temporary, path);
    } catch (error) {
      if (systemErrorCode(error) === 'EXDEV')
        throw daemonError('CROSS_DEVICE', `${path} and ${building} are on different file systems.`, { cause: error });
      // EEXIST: another daemon was first. ENOENT: another daemon has become the writer and cleared
      // the folder.
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
    // DuckDB locks a file before it reads it. So if it reports damage, no process holds the file.
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

/** Whether both describe the same file or folder. */
export const isSame = (one: Stats, other: Stats | undefined): boolean =>
  one.ino === other?.ino && one.dev === other.dev;

const descriptors = '/proc/self/fd';

/** Returns the file in /proc that shows this process's lock; undefined on systems without one. */
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
