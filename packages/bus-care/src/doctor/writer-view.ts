import { hostname } from 'node:os';
import {
  guardsOf,
  isInSight,
  type LockHolder,
  lockFileOf,
  lookAtGuard,
  readLockHolder,
} from '@quantbot/bus-format/state';
import type { BusConfig } from '@quantbot/infra/config';
import { exists } from '@quantbot/infra/files';
import { isWriting, locksOn } from './file-locks.js';
import { daemonsOf, holdsDeleted } from './processes.js';

/** The writer, as seen from outside. */
export interface WriterView {
  /**
   * `here`: on this machine, `pid` says who. `hidden`: on this machine, in a container or as a
   * process that is not seen from here. `elsewhere`: the lock file names a machine or container
   * where nobody can look.
   */
  where: 'here' | 'hidden' | 'elsewhere' | 'nowhere';
  pid: number | undefined;
  /** Holds the database's guard, but writes another bus. */
  databaseTakenBy: number | undefined;
  /**
   * Daemons of this bus that hold guards, but not the ones that lie there now: somebody has removed
   * or replaced those.
   */
  unguarded: number[];
  /** The guards that cannot be read and that no process holds. */
  damaged: string[];
  /** The content of the lock file; undefined if it is missing or torn. */
  file: LockHolder | undefined;
  fileThere: boolean;
}

/**
 * Looks at the operating system's locks on the guards; the lock file only where those cannot be
 * seen.
 */
export async function viewWriter(config: BusConfig): Promise<WriterView> {
  const holder = await readLockHolder(config.duckdbPath);
  const guards = guardsOf(config);
  const [root, database] = guards.map(path => locksOn(path)?.find(({ mode }) => mode === 'WRITE')?.pid);
  const canSee = locksOn(guards[0]) !== undefined;
  const isOurs = holder !== undefined && holder.bus_root === config.busRoot;
  const databaseTakenBy = database !== root ? database : undefined;
  const unguarded = daemonsOf(config).filter(
    other =>
      other !== root &&
      isWriting(other) &&
      ((isOurs && holder.pid === other) || guards.some(path => holdsDeleted(other, path))),
  );
  const named = !canSee && isOurs && holder.alive && holder.host === hostname() ? holder.pid : undefined;
  const pid = root ?? named ?? unguarded[0];
  // Looked at only where nobody is seen to hold it: while one looks, no daemon could take it.
  const states = await Promise.all(
    guards.map(async path => (root === undefined && named === undefined ? lookAtGuard(path) : 'held')),
  );
  const isHidden = pid === undefined && databaseTakenBy === undefined && states[0] === 'held';
  const mayBeElsewhere = isOurs && (holder.host !== hostname() || (!isInSight(holder) && !(await exists(guards[0]))));
  return {
    where: pid !== undefined ? 'here' : isHidden ? 'hidden' : mayBeElsewhere ? 'elsewhere' : 'nowhere',
    pid,
    databaseTakenBy,
    unguarded,
    damaged: guards.filter((_, index) => states[index] === 'damaged'),
    file: holder,
    fileThere: await exists(lockFileOf(config.duckdbPath)),
  };
}
