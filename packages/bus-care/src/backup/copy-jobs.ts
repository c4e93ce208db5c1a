import { chmod, chown, lstat, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isCurrentRejection, isKept, parseClaimedName } from '@quantbot/bus-format/state';
import { BusError } from '@quantbot/infra';
import type { BusLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { fileNames, systemErrorCode } from '@quantbot/infra/files';
import { copyFolder, isSameFolder } from './copy-folder.js';

/** The folders of jobs that are not ingested, in the order in which a job passes through them. */
export const jobFolders = ['inbox', 'claimed', 'rejected'] as const;

/** Names of jobs by folder. */
type JobNames = Record<(typeof jobFolders)[number], Set<string>>;

/** The jobs that a backup has. */
export interface CopiedJobs {
  /** Jobs in the new copy, and jobs that the earlier backup has unchanged. */
  met: JobNames;
  /** Jobs in flight that are unreadable or still changing: one line each. */
  problems: string[];
}

/**
 * Copies unsettled and rejected jobs. A job that moves on meanwhile is found in its next folder or
 * in the journal, and a job that is copied twice is ingested once. The second look finds jobs that
 * were moved from `rejected/` back into an inbox already listed.
 */
export async function copyJobs(
  config: BusConfig,
  source: BusLayout,
  earlier: BusLayout,
  next: BusLayout,
): Promise<CopiedJobs> {
  const jobs: CopiedJobs = { met: { inbox: new Set(), claimed: new Set(), rejected: new Set() }, problems: [] };
  for (let look = 1; look <= 2; look++)
    for (const which of jobFolders)
      for (const name of await readdir(source[which]))
        if (!jobs.met[which].has(name)) await copyJob(config, [source, earlier, next], which, name, jobs);
  return jobs;
}

const movedOn = 'moved on';

function whyNotCopied(error: unknown): string | undefined {
  if (isChanged(error)) return 'is being changed';
  if (error instanceof BusError) return 'cannot be copied';
  const code = systemErrorCode(error) ?? '';
  if (['EACCES', 'EPERM', 'EAGAIN', 'ENAMETOOLONG'].includes(code)) return 'may not be read';
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code) ? movedOn : undefined;
}

async function copyJob(
  config: BusConfig,
  [source, earlier, next]: readonly [source: BusLayout, earlier: BusLayout, next: BusLayout],
  which: (typeof jobFolders)[number],
  name: string,
  { met, problems }: CopiedJobs,
): Promise<void> {
  const [from, to] = [join(source[which], name), join(next[which], name)];
  try {
    // Do not follow a link: it could lead anywhere.
    if (!(await lstat(from)).isDirectory() || !(await isWanted(which, from))) return;
    if (!isSameFolder(config, from, join(earlier[which], name))) await copyUnchanged(config, from, to);
    met[which].add(name);
  } catch (error) {
    const why = whyNotCopied(error);
    if (why === undefined) throw error;
    await rm(to, { recursive: true, force: true });
    const line = `${which}/${name}: ${why}`;
    if (why !== movedOn && which !== 'rejected' && !problems.includes(line)) problems.push(line);
  }
}

/**
 * Copies a job, and once more if it changed. Settling rewrites COMMIT once, so a second change
 * comes from another program.
 */
async function copyUnchanged(config: BusConfig, from: string, to: string): Promise<void> {
  try {
    await copyFolder(config, from, to);
  } catch (error) {
    if (!isChanged(error)) throw error;
    await rm(to, { recursive: true, force: true });
    await copyFolder(config, from, to);
  }
}

const isChanged = (error: unknown): error is BusError => error instanceof BusError && error.code === 'BYTES_MISMATCH';

async function isWanted(which: (typeof jobFolders)[number], folder: string): Promise<boolean> {
  if (which === 'inbox') return lstat(join(folder, fileNames.commit)).then(() => true);
  const name = basename(folder);
  return which === 'claimed' ? parseClaimedName(name) !== undefined || isKept(name) : isCurrentRejection(name);
}

/** Keeps the modes, so that producers of other users can submit into a restored inbox. */
export async function keepModes(source: BusLayout, destination: BusLayout): Promise<void> {
  for (const which of jobFolders) {
    const { mode, uid, gid } = await stat(source[which]);
    if (process.getuid?.() === 0) await chown(destination[which], uid, gid);
    await chmod(destination[which], mode & 0o7777);
  }
}
