import { join } from 'node:path';
import type { SuiteContext } from '../results.js';
import { makeFiles, type Workload } from '../workload.js';

/**
 * How many jobs of a size are enough to measure: waiting for the daemon, brought by producers, and
 * for a contender that is slow.
 */
const counts: Record<string, { waiting: number; jobs: number; slow: number }> = {
  '1 KB': { waiting: 10_000, jobs: 1600, slow: 64 },
  '30 KB': { waiting: 10_000, jobs: 1600, slow: 64 },
  '1 MB': { waiting: 1000, jobs: 320, slow: 32 },
  '100 MB': { waiting: 8, jobs: 8, slow: 4 },
};

export const countsOf = (size: string) => counts[size] as { waiting: number; jobs: number; slow: number };

/** The files of a size, as many as are measured. */
export const filesOf = (
  { folder, quick }: SuiteContext,
  size: string,
  which: 'waiting' | 'jobs',
): Promise<Workload> => {
  const count = countsOf(size)[which];
  return makeFiles(join(folder, 'files'), size, quick ? Math.ceil(count / 10) : count);
};

/**
 * Three times, in turns: what else the machine does would decide otherwise. Large files take too
 * long for it.
 */
export const turnsOf = ({ quick }: SuiteContext, size: string): number => (quick || isLarge(size) ? 1 : 3);

/**
 * Folders of small files are left until the end of the whole run: on a file system without a
 * journal, creating a file looks again and again at inodes that were deleted in the last minutes,
 * and takes up to nine times as long. Large files are few, and need the space.
 */
export const isLarge = (size: string): boolean => size.endsWith(' MB');
