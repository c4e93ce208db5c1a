import type { Stats } from 'node:fs';
import type { BusConfig } from '@quantbot/infra/config';
import { isGuard } from './writer-lock.js';

/**
 * Whose a file in a job's folder is, as far as reading goes: `theirs` when it belongs to the job's
 * user, or to one who lets that user's group, or everybody, read it; `the bus` when it is a guard,
 * which must not even be opened.
 */
export function whoseIsIt(config: BusConfig, { uid, gid }: Stats, file: Stats): 'theirs' | 'the bus' | 'others' {
  if (isGuard(config, file)) return 'the bus';
  const mayRead = file.uid === uid || (file.gid === gid && (file.mode & 0o040) !== 0) || (file.mode & 0o004) !== 0;
  return mayRead ? 'theirs' : 'others';
}
