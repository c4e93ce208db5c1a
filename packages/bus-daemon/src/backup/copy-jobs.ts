import { cp, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BusLayout, exists, fileNames, systemErrorCode } from '@quantbot/infra';
import { isCurrentRejection } from '../care/rejected.js';

/**
 * Copies the jobs that have not settled, and those that were rejected. One that moves on meanwhile is met again where it goes to, or in the journal; one that is met twice is
 * ingested once.
 *
 * @returns how many there are.
 */
export async function copyJobs(source: BusLayout, next: BusLayout): Promise<number> {
  const inbox = await copyFolders(source.inbox, next.inbox, folder => exists(join(folder, fileNames.commit)));
  const claimed = await copyFolders(source.claimed, next.claimed, async () => true);
  const rejected = await copyFolders(source.rejected, next.rejected, async folder =>
    isCurrentRejection(folder.slice(source.rejected.length + 1)),
  );
  return inbox + claimed + rejected;
}

async function copyFolders(from: string, to: string, isWanted: (folder: string) => Promise<boolean>): Promise<number> {
  let copied = 0;
  for (const name of await readdir(from)) {
    const [folder, target] = [join(from, name), join(to, name)];
    try {
      // A link that somebody put there is not followed: it could lead anywhere.
      if (!(await lstat(folder)).isDirectory() || !(await isWanted(folder))) continue;
      await cp(folder, target, { recursive: true, verbatimSymlinks: true });
      copied++;
    } catch (error) {
      await rm(target, { recursive: true, force: true }); // moved on, or not ours to read
      if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
    }
  }
  return copied;
}
