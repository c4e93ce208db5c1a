import { join } from 'node:path';
import type { SuiteContext } from '../results.js';
import { makeFiles, type Workload } from '../workload.js';

/** How many jobs of a size are enough to measure, and how many for a contender that is slow. */
const counts: Record<string, { jobs: number; slow: number }> = {
  '1 KB': { jobs: 1600, slow: 64 },
  '30 KB': { jobs: 1600, slow: 64 },
  '1 MB': { jobs: 320, slow: 32 },
  '100 MB': { jobs: 8, slow: 4 },
};

export const countsOf = (size: string) => counts[size] as { jobs: number; slow: number };

/** The files of a size, as many as are measured. */
export const filesOf = ({ folder, quick }: SuiteContext, size: string): Promise<Workload> => {
  const { jobs } = countsOf(size);
  return makeFiles(join(folder, 'files'), size, quick ? Math.ceil(jobs / 10) : jobs);
};

/** Three times, in turns: what else the machine does would decide otherwise. Large files take too long for it. */
export const turnsOf = ({ quick }: SuiteContext, size: string): number => (quick || isLarge(size) ? 1 : 3);

/**
 * Folders of small files are left until the end of the whole run: on a file system without a journal, creating a file looks again and
 * again at inodes that were deleted in the last minutes, and takes up to nine times as long. Large files are few, and need the space.
 */
export const isLarge = (size: string): boolean => size.endsWith(' MB');
