import { randomBytes } from 'node:crypto';
import { linkSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemErrorCode } from '../errors.js';

/**
 * Gives a file a second name. Returns false if the file system refuses links (another device, no
 * links, too many), so that the caller can copy.
 *
 * @throws EEXIST when the name is taken.
 */
export function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(systemErrorCode(error) ?? ''))
      return false;
    throw error;
  }
}

/**
 * Returns the path of a name in a folder. `join` normalises the whole path each time, which costs
 * more than opening the files of a job.
 */
export const inFolder = (folder: string, name: string): string => `${folder}/${name}`;

/** Whether the path exists. Throws any other error than "not found". */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
}

/**
 * Returns a temporary name in the same folder, which readers ignore. The name keeps at most 60
 * characters of the path, so that it stays below the 255 bytes that file systems allow.
 */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 60)}.${randomBytes(6).toString('hex')}.tmp`);

/**
 * Removes temporary files that killed writers left in a folder.
 *
 * @param of the file whose temporaries to remove; by default those of every file. Pass it in
 * folders that other programs use too.
 */
export async function removeTemporaries(folder: string, of?: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = /^\.(.+)\.[0-9a-f]{12}\.tmp$/.exec(name);
    if (match !== null && (of === undefined || match[1] === of.slice(0, 60)))
      await rm(join(folder, name), { force: true });
  }
}
