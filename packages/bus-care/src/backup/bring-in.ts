import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyCommit } from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra/bus';
import { exists, faultPoint, makeFolderDurable, syncFolder } from '@quantbot/infra/files';
import { type CopiedJobs, jobFolders } from './copy-jobs.js';

/**
 * Moves the new copies into the backup so that the backup is whole at each moment: first the jobs,
 * then the journal from its beginning to its end. Only then it removes what the new journal no
 * longer needs. If it is interrupted, the backup shows some moment between the last one and this
 * one.
 */
export async function bringIn(destination: BusLayout, next: BusLayout, { met }: CopiedJobs): Promise<void> {
  for (const folder of [destination.hot, destination.segments, ...jobFolders.map(which => destination[which])])
    await makeFolderDurable(folder);
  for (const which of jobFolders) await bringJobs(destination[which], next[which], join(next.root, 'replaced'));
  faultPoint('backup:jobs-in');
  const segments = (await readdir(next.segments)).sort();
  for (const name of segments) {
    await rename(join(next.segments, name), join(destination.segments, name));
    faultPoint('backup:segment-in');
  }
  await syncFolder(destination.segments);
  const commits = (await readdir(next.hot)).sort();
  for (const name of commits) {
    await bringCommit(join(destination.hot, name), join(next.hot, name));
    faultPoint('backup:commit-in');
  }
  await syncFolder(destination.hot);
  await removeOthers(destination.hot, new Set([emptyCommit, ...commits]));
  faultPoint('backup:commits-away');
  await removeOthers(destination.segments, new Set(segments));
  faultPoint('backup:segments-away');
  for (const which of jobFolders) await removeOthers(destination[which], met[which]);
  await rm(next.root, { recursive: true, force: true });
}

/** A job that reuses an id replaces the earlier job. */
async function bringJobs(to: string, from: string, replaced: string): Promise<void> {
  for (const name of await readdir(from)) {
    await rm(replaced, { recursive: true, force: true });
    if (await exists(join(to, name))) await rename(join(to, name), replaced);
    await rename(join(from, name), join(to, name));
  }
  await syncFolder(to);
}

/**
 * Moves a commit as a whole. A commit that is already there is the same, except for files that were
 * missing then.
 */
async function bringCommit(to: string, from: string): Promise<void> {
  if (!(await exists(to))) return rename(from, to);
  for (const file of await readdir(from)) await rename(join(from, file), join(to, file));
  await syncFolder(to);
}

async function removeOthers(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder))
    if (!wanted.has(name)) await rm(join(folder, name), { recursive: true, force: true });
}
