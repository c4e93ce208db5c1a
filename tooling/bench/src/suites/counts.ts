import { join } from 'node:path';
import type { SuiteContext } from '../results.js';
import { makeFiles, type Workload } from '../workload.js';

/**
 * The number of jobs to measure, by size: for a full inbox, for running producers, and for a slow
 * contender.
 */
const counts: Record<string, { waiting: number; jobs: number; slow: number }> = {
  '1 KB': { waiting: 10_000, jobs: 1600, slow: 64 },
  '30 KB': { waiting: 10_000, jobs: 1600, slow: 64 },
  '1 MB': { waiting: 1000, jobs: 320, slow: 32 },
  '100 MB': { waiting: 8, jobs: 8, slow: 4 },
};

export const countsOf = (size: string) => counts[size] as { waiting: number; jobs: number; slow: number };

/** Creates the files of a size that a suite measures. */
export const filesOf = (
  { folder, quick }: SuiteContext,
  size: string,
  which: 'waiting' | 'jobs',
): Promise<Workload> => {
  const count = countsOf(size)[which];
  return makeFiles(join(folder, 'files'), size, quick ? Math.ceil(count / 10) : count);
};

/**
 * The number of turns. Three of them even out other load on the machine. Large files take too long
 * for that.
 */
export const turnsOf = ({ quick }: SuiteContext, size: string): number => (quick || isLarge(size) ? 1 : 3);

/**
 * Whether the files of a size are deleted at once, because they are few and need the space. Folders
 * of small files stay until the end of the whole run: on a file system without a journal, creating
 * a file scans inodes that were deleted in the last minutes, and takes up to nine times as long.
 */
export const isLarge = (size: string): boolean => size.endsWith(' MB');
