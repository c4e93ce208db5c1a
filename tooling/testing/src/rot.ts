import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';

/**
 * Flips a bit of a file in place, as a disk does: inode, size, mode and times stay. By default it
 * flips a bit in the middle.
 */
export function flipBit(path: string, at?: number): void {
  const { mode, atimeMs, mtimeMs, size } = statSync(path);
  const bytes = readFileSync(path);
  const place = at ?? Math.floor(size / 2);
  bytes[place] = (bytes[place] as number) ^ 1;
  chmodSync(path, 0o644);
  writeFileSync(path, bytes, { flag: 'r+' });
  chmodSync(path, mode & 0o7777);
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
}
