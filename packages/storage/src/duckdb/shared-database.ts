import { stat } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { databaseError } from './database-error.js';
import { instanceSettings } from './memory-instance.js';
import { nextSpillPath } from './spill-folder.js';

/**
 * One DuckDB instance per database file and process, however often it is opened. A second one would
 * be harmless only until it is closed: POSIX drops all of a process's locks on a file when any
 * descriptor of it is closed, and the daemon deletes what an old database refers to once no lock
 * says that somebody reads it.
 */
export interface SharedDatabase {
  readonly instance: DuckDBInstance;
  /**
   * Which file this is (device and inode): a database that was renamed over the path is another
   * one.
   */
  readonly identity: string;
  /** Gives it back; the last one closes the file. */
  release(): void;
  /** Says that the instance is useless: who opens the database next gets another one. */
  discard(): void;
}

interface Entry {
  instance: DuckDBInstance;
  users: number;
  discarded: boolean;
}

const open = new Map<string, Entry>();
/**
 * Instances that have, or may have, files open that those in `open` have too; closed when nothing
 * is open that they could unlock.
 */
const doubtful: DuckDBInstance[] = [];
let turn: Promise<unknown> = Promise.resolve();

/** Device and inode of what is at the path now. */
export async function identityOf(path: string): Promise<string> {
  const { dev, ino } = await stat(path, { bigint: true }); // stat takes no descriptor that would have to be closed
  return `${dev}:${ino}`;
}

/**
 * Opens a database read-only, or shares the instance that is open already.
 *
 * @throws StorageError `DATABASE_NOT_FOUND`, `DATABASE_INVALID`, `DATABASE_LOCKED`, `READ_FAILED`.
 */
export function acquireDatabase(path: string): Promise<SharedDatabase> {
  const acquired = turn.then(() => acquire(path)); // one at a time, so that two first openers share
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
      // Replaced in between: nobody knows which of the two files this instance has open.
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

/**
 * Closes an instance that has one of the shared files open as well, as soon as that takes nobody's
 * lock away.
 */
export function closeWhenHarmless(instance: DuckDBInstance): void {
  doubtful.push(instance);
  closeDoubtful();
}

function closeDoubtful(): void {
  if (open.size > 0) return;
  for (const instance of doubtful.splice(0)) instance.closeSync();
}
