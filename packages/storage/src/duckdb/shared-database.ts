import { stat } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { storageError } from '../errors.js';
import { databaseError } from './database-error.js';
import { instanceSettings } from './memory-instance.js';
import { nextSpillPath } from './spill-folder.js';

/**
 * One DuckDB instance per database file and process. POSIX drops all of a process's locks on a file
 * when any of its descriptors is closed. A second instance would drop the lock when it is closed,
 * and the daemon deletes files of an old database once no lock shows a reader.
 */
export interface SharedDatabase {
  readonly instance: DuckDBInstance;
  /** Device and inode of the file. They change when another database is renamed over the path. */
  readonly identity: string;
  /** Releases it. The last release closes the file. */
  release(): void;
  /** Marks the instance as broken: the next opener gets a new one. */
  discard(): void;
}

interface Entry {
  instance: DuckDBInstance;
  users: number;
  discarded: boolean;
}

const open = new Map<string, Entry>();
/**
 * Instances that may have a file open that an instance in `open` has too. They are closed once that
 * can drop no lock in use.
 */
const doubtful: DuckDBInstance[] = [];
let turn: Promise<unknown> = Promise.resolve();

/** Returns device and inode of the current file at the path. */
export async function identityOf(path: string): Promise<string> {
  const info = await stat(path, { bigint: true }); // stat opens no descriptor
  // DuckDB would wait forever for a writer of a FIFO.
  if (!info.isFile()) throw storageError('DATABASE_INVALID', `${path} is not a regular file.`);
  const { dev, ino } = info;
  return `${dev}:${ino}`;
}

/**
 * Opens a database read-only, or shares the open instance.
 *
 * @throws StorageError `DATABASE_NOT_FOUND`, `DATABASE_INVALID`, `DATABASE_LOCKED`, `READ_FAILED`.
 */
export function acquireDatabase(path: string): Promise<SharedDatabase> {
  const acquired = turn.then(() => acquire(path)); // one at a time, so that two concurrent openers share
  turn = acquired.catch(() => {});
  return acquired;
}

const attempts = 10;

async function acquire(path: string): Promise<SharedDatabase> {
  try {
    for (let attempt = 1; ; attempt++) {
      const identity = await identityOf(path);
      const known = open.get(identity);
      if (known !== undefined) return use(identity, known);
      const instance = await DuckDBInstance.create(path, {
        ...instanceSettings,
        temp_directory: nextSpillPath(),
        access_mode: 'READ_ONLY',
      });
      if ((await identityOf(path)) === identity) {
        const entry = { instance, users: 0, discarded: false };
        open.set(identity, entry);
        return use(identity, entry);
      }
      // Replaced meanwhile: it is unknown which of the two files this instance has open.
      doubtful.push(instance);
      closeDoubtful();
      if (attempt === attempts) throw new Error('The file was replaced at every attempt to open it.');
    }
  } catch (cause) {
    throw databaseError(path, cause);
  }
}

function use(identity: string, entry: Entry): SharedDatabase {
  entry.users++;
  let released = false;
  return {
    instance: entry.instance,
    identity,
    release: () => {
      if (released) return;
      released = true;
      entry.users--;
      if (entry.users > 0) return;
      if (entry.discarded) return closeWhenHarmless(entry.instance);
      open.delete(identity);
      entry.instance.closeSync();
      closeDoubtful();
    },
    discard: () => {
      entry.discarded = true;
      if (open.get(identity) === entry) open.delete(identity);
    },
  };
}

/** Closes an instance that also has a shared file open, as soon as that drops no lock in use. */
export function closeWhenHarmless(instance: DuckDBInstance): void {
  doubtful.push(instance);
  closeDoubtful();
}

function closeDoubtful(): void {
  if (open.size > 0) return;
  for (const instance of doubtful.splice(0)) instance.closeSync();
}
