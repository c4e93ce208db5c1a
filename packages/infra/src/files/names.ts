import { randomBytes } from 'node:crypto';
import { linkSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemErrorCode } from '../errors.js';

/**
 * Gives a file a second name. Answers false where the file system refuses links (another device, no
 * links at all, too many), so that the caller can copy.
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
 * The path of something in a folder. `join` goes through the whole path each time, which for a job
 * adds up to more than opening its files.
 */
export const inFolder = (folder: string, name: string): string => `${folder}/${name}`;

/** Whether something is at the path. Any error but "not there" is thrown. */
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
 * A name in the same folder that no reader looks at; at most 60 characters of three bytes and 20
 * more.
 */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 60)}.${randomBytes(6).toString('hex')}.tmp`);

/**
 * Removes the temporary files that writers left in a folder when they were killed.
 *
 * @param of only those of the file with this name; of every file when absent. For folders that are
 * not the caller's alone.
 */
export async function removeTemporaries(folder: string, of?: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = /^\.(.+)\.[0-9a-f]{12}\.tmp$/.exec(name);
    if (match !== null && (of === undefined || match[1] === of.slice(0, 60)))
      await rm(join(folder, name), { force: true });
  }
}
