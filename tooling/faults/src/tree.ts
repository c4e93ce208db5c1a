import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Lists every file below a folder, as sorted relative paths. */
export function listFiles(root: string, folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap(entry => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? listFiles(root, path) : [relative(root, path)];
    })
    .sort();
}

/** Returns the SHA-256 of a file. */
export const sha256Of = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/**
 * Returns a fingerprint of every file below a folder for which `counts` is true, to compare two
 * moments.
 */
export function fingerprint(root: string, counts: (path: string) => boolean): Map<string, string> {
  return new Map(
    listFiles(root)
      .filter(counts)
      .map(path => [path, `${lstatSync(join(root, path)).size} ${sha256Of(join(root, path))}`]),
  );
}
