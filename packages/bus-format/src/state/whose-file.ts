import type { Stats } from 'node:fs';
import type { BusConfig } from '@quantbot/infra/config';
import { isGuard } from './writer-lock.js';

/**
 * Returns who may read a file in a job's folder. `theirs`: the job's user owns it, or its mode lets
 * that user's group or everyone read it. `the bus`: it is a guard, which must not even be opened.
 * `others`: the job's user may not read it.
 */
export function whoseIsIt(config: BusConfig, { uid, gid }: Stats, file: Stats): 'theirs' | 'the bus' | 'others' {
  if (isGuard(config, file)) return 'the bus';
  const mayRead = file.uid === uid || (file.gid === gid && (file.mode & 0o040) !== 0) || (file.mode & 0o004) !== 0;
  return mayRead ? 'theirs' : 'others';
}
