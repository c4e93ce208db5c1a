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
   * `here`: the process `pid` of this machine. `hidden`: a process of this machine that is
   * invisible from here, for example in a container. `elsewhere`: on a machine or in a container
   * that cannot be inspected.
   */
  where: 'here' | 'hidden' | 'elsewhere' | 'nowhere';
  pid: number | undefined;
  /** Holds the database's guard, but writes another bus. */
  databaseTakenBy: number | undefined;
  /** Daemons of this bus that hold guards which were removed or replaced since. */
  unguarded: number[];
  /** The guards that cannot be read and that no process holds. */
  damaged: string[];
  /** The content of the lock file; undefined if it is missing or torn. */
  file: LockHolder | undefined;
  fileThere: boolean;
}

/**
 * Finds the writer by the operating system's locks on the guards, or by the lock file where those
 * cannot be seen.
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
  // Only inspected if no holder is visible: during the inspection no daemon could take the lock.
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
