import { lstatSync, opendirSync, readdirSync, type Stats } from 'node:fs';
import { fileNames, inFolder, readSmallFile, stagedMark } from '@quantbot/infra/files';

/** Twice what a manifest can name. Nobody needs so many, and what is known of each is in memory until the job has settled. */
const crowd = 20_000;

/** What something in a job's folder is. */
export interface FileInfo {
  kind: 'file' | 'folder' | 'other';
  bytes: number;
  inode: number;
  /** How many names it has. */
  links: number;
  /** User id. */
  owner: number;
}

const ofEveryJob: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.commit]);

/** What a job's folder holds, as far as that can be seen: verification says what is wrong with the rest. */
export interface FolderContent {
  /** What lies in it besides manifest and COMMIT, with its names; undefined when it is no folder, or holds a crowd. */
  files?: [name: string, info: FileInfo][] | undefined;
  /** Whether it was built in `staging/` and renamed in, as its COMMIT says. */
  staged?: boolean | undefined;
}

/** Looks into a job's folder, which nobody can change by its path any more. */
export function lookInto(folder: string): FolderContent {
  try {
    const info = lstatSync(folder);
    if (!info.isDirectory()) return {}; // one that is a link leads out of the bus
    // A folder's size is in bytes, or says how many lie in it: it is more than that in any case.
    if (info.size > crowd && isCrowded(folder)) return { staged: isStaged(folder) };
    const files = readdirSync(folder)
      .filter(name => !ofEveryJob.has(name))
      .map((name): [string, FileInfo] => [name, fileInfo(lstatSync(inFolder(folder, name)))]);
    return { files, staged: isStaged(folder) };
  } catch {
    return {};
  }
}

function isCrowded(folder: string): boolean {
  const content = opendirSync(folder);
  try {
    for (let seen = 0; seen <= crowd; seen++) if (content.readSync() === null) return false;
    return true;
  } finally {
    content.closeSync();
  }
}

function isStaged(folder: string): boolean | undefined {
  try {
    const mark = readSmallFile(inFolder(folder, fileNames.commit), stagedMark.length);
    return mark.toString('latin1') === stagedMark;
  } catch {
    return undefined;
  }
}

/** What counts of a `stat`. */
export const fileInfo = (info: Stats): FileInfo => ({
  kind: info.isFile() ? 'file' : info.isDirectory() ? 'folder' : 'other',
  bytes: info.size,
  inode: info.ino,
  links: info.nlink,
  owner: info.uid,
});
