import type { Stats } from 'node:fs';
import { utimes } from 'node:fs/promises';

/**
 * Whether two files are one and its copy, as size and time of change tell; times are kept to less
 * than a millisecond.
 */
export const isSameFile = (a: Stats, b: Stats | undefined): boolean =>
  a.size === b?.size && Math.abs(a.mtimeMs - b.mtimeMs) < 1;

/** Gives a copy the times of its original. */
export const keepTimes = (path: string, { atimeMs, mtimeMs }: Stats): Promise<void> =>
  utimes(path, atimeMs / 1000, mtimeMs / 1000);
