import { hostname } from 'node:os';
import { type BusConfig, exists } from '@quantbot/infra';
import { guardsOf, type LockHolder, lockFileOf, readLockHolder } from '../writer-lock.js';
import { locksOn } from './file-locks.js';

/** Who writes, as far as one can see it from outside. */
export interface WriterView {
  /** `here`: on this machine, `pid` says who; `elsewhere`: the lock file names another machine, where nobody can look. */
  where: 'here' | 'elsewhere' | 'nowhere';
  pid: number | undefined;
  /** Holds the database's guard, but writes another bus. */
  databaseTakenBy: number | undefined;
  /** What the lock file says; undefined when it is missing or torn. */
  file: LockHolder | undefined;
  fileThere: boolean;
}

/** Looks at the operating system's locks on the guards; the lock file only where those cannot be seen. */
export async function viewWriter(config: BusConfig): Promise<WriterView> {
  const holder = await readLockHolder(config.duckdbPath);
  const [root, database] = guardsOf(config).map(path => locksOn(path)?.find(({ mode }) => mode === 'WRITE')?.pid);
  const canSee = locksOn(guardsOf(config)[0] as string) !== undefined;
  const isOurs = holder !== undefined && holder.bus_root === config.busRoot;
  const pid = root ?? (!canSee && isOurs && holder.alive && holder.host === hostname() ? holder.pid : undefined);
  const elsewhere = pid === undefined && isOurs && holder.host !== hostname();
  return {
    where: pid !== undefined ? 'here' : elsewhere ? 'elsewhere' : 'nowhere',
    pid,
    databaseTakenBy: database !== root ? database : undefined,
    file: holder,
    fileThere: await exists(lockFileOf(config.duckdbPath)),
  };
}
