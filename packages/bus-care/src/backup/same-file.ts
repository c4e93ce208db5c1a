import type { Stats } from 'node:fs';
import { utimes } from 'node:fs/promises';

/**
 * Returns whether a file is a copy of another, by size and modification time. Copied times are
 * accurate to a millisecond.
 */
export const isSameFile = (a: Stats, b: Stats | undefined): boolean =>
  a.size === b?.size && Math.abs(a.mtimeMs - b.mtimeMs) < 1;

/** Sets the times of a copy to those of its original. */
export const keepTimes = (path: string, { atimeMs, mtimeMs }: Stats): Promise<void> =>
  utimes(path, atimeMs / 1000, mtimeMs / 1000);
