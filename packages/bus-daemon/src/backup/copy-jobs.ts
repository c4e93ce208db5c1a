import { constants, type Dirent } from 'node:fs';
import { chmod, chown, lstat, mkdir, open, readdir, readlink, rm, stat, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  BusError,
  type BusLayout,
  copyHandleDurable,
  exists,
  fileNames,
  syncFolder,
  systemErrorCode,
} from '@quantbot/infra';
import { isCurrentRejection } from '../care/rejected.js';
import { isKept, parseClaimedName } from '../stages/claimed-names.js';
import { isSameFile, keepTimes } from './same-file.js';

/** The folders of a bus in which jobs lie that are not done with, in the order in which a job goes through them. */
export const jobFolders = ['inbox', 'claimed', 'rejected'] as const;

/** Names of jobs, by the folder that they lie in. */
type JobNames = Record<(typeof jobFolders)[number], Set<string>>;

/** The jobs that were met. */
export interface CopiedJobs {
  /** Those that lie in the new copy, and those that the earlier backup has as they are. */
  met: JobNames;
  /** Jobs on their way that may not be read, or that are being changed: one line each. */
  problems: string[];
}

/**
 * Copies the jobs that have not settled, and those that were rejected. One that moves on meanwhile is met again where it goes to, or in the journal; one that is met twice is
 * ingested once. The second look finds what was put back from `rejected/` into an inbox that had been looked at.
 */
export async function copyJobs(source: BusLayout, earlier: BusLayout, next: BusLayout): Promise<CopiedJobs> {
  const jobs: CopiedJobs = { met: { inbox: new Set(), claimed: new Set(), rejected: new Set() }, problems: [] };
  for (let look = 1; look <= 2; look++)
    for (const which of jobFolders)
      for (const name of await readdir(source[which]))
        if (!jobs.met[which].has(name)) await copyJob(source, earlier, next, which, name, jobs);
  return jobs;
}

const movedOn = 'moved on';

function whyNotCopied(error: unknown): string | undefined {
  if (isChanged(error)) return 'is being changed';
  const code = systemErrorCode(error) ?? '';
  if (['EACCES', 'ENAMETOOLONG'].includes(code)) return 'may not be read';
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code) ? movedOn : undefined;
}

async function copyJob(
  source: BusLayout,
  earlier: BusLayout,
  next: BusLayout,
  which: (typeof jobFolders)[number],
  name: string,
  { met, problems }: CopiedJobs,
): Promise<void> {
  const [from, to] = [join(source[which], name), join(next[which], name)];
  try {
    // A link that somebody put there is not followed: it could lead anywhere.
    if (!(await lstat(from)).isDirectory() || !(await isWanted(which, from))) return;
    if (!(await isSame(from, join(earlier[which], name)))) await copyUnchanged(from, to);
    met[which].add(name);
  } catch (error) {
    const why = whyNotCopied(error);
    if (why === undefined) throw error;
    await rm(to, { recursive: true, force: true });
    const line = `${which}/${name}: ${why}`;
    if (why !== movedOn && which !== 'rejected' && !problems.includes(line)) problems.push(line);
  }
}

/** A job that the daemon settles changes once: its COMMIT is written over. A second time it is somebody else who changes it. */
async function copyUnchanged(from: string, to: string): Promise<void> {
  try {
    await copyFolder(from, to);
  } catch (error) {
    if (!isChanged(error)) throw error;
    await rm(to, { recursive: true });
    await copyFolder(from, to);
  }
}

const isChanged = (error: unknown): error is BusError => error instanceof BusError && error.code === 'BYTES_MISMATCH';

async function isWanted(which: (typeof jobFolders)[number], folder: string): Promise<boolean> {
  if (which === 'inbox') return exists(join(folder, fileNames.commit));
  const name = basename(folder);
  return which === 'claimed' ? parseClaimedName(name) !== undefined || isKept(name) : isCurrentRejection(name);
}

/** What is neither a file nor a folder nor a link has no content, and names that are not UTF-8 no manifest can have: nothing is lost with them. */
const entriesOf = async (folder: string): Promise<Dirent[]> =>
  (await readdir(folder, { withFileTypes: true })).filter(
    entry => (entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.includes('\uFFFD'),
  );

/** Times are kept: the inbox is taken in the order in which its COMMITs were written. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await entriesOf(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyFolder(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await copyFile(source, target);
  }
  await syncFolder(to);
}

/** The producer may still write there: what was a file a moment ago must not lead out of the job by now, nor keep us waiting. */
async function copyFile(from: string, to: string): Promise<void> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = await source.stat();
    if (!info.isFile()) return;
    await copyHandleDurable(source, to);
    await keepTimes(to, info);
  } finally {
    await source.close();
  }
}

/** Whether an earlier backup has the same folder, as far as names, sizes and times tell: rejected jobs lie there for long, and may be large. */
async function isSame(folder: string, earlier: string): Promise<boolean> {
  const there = await entriesOf(earlier).catch(() => []);
  const entries = await entriesOf(folder);
  if (entries.length === 0 || entries.length !== there.length) return false;
  for (const { name } of entries) {
    const [a, b] = await Promise.all([lstat(join(folder, name)), lstat(join(earlier, name)).catch(() => undefined)]);
    if (a.isDirectory() && b?.isDirectory() && (await isSame(join(folder, name), join(earlier, name)))) continue;
    if (!a.isFile() || !b?.isFile() || !isSameFile(a, b)) return false;
  }
  return true;
}

/** Producers of other users submit into a restored inbox as they did into the first one. */
export async function keepModes(source: BusLayout, destination: BusLayout): Promise<void> {
  for (const which of jobFolders) {
    const { mode, uid, gid } = await stat(source[which]);
    if (process.getuid?.() === 0) await chown(destination[which], uid, gid);
    await chmod(destination[which], mode & 0o7777);
  }
}
