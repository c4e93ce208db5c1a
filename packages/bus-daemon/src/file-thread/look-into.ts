import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { fileNames, inFolder, readSmallFile, stagedMark } from '@quantbot/infra/files';

/** What something in a job's folder is. */
export interface FileInfo {
  kind: 'file' | 'folder' | 'other';
  bytes: number;
  inode: number;
  /** How many names it has. */
  links: number;
}

const ofEveryJob: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.commit]);

/** What a job's folder holds, as far as that can be seen: verification says what is wrong with the rest. */
export interface FolderContent {
  /** What lies in it besides manifest and COMMIT, with its names; undefined when it is no folder. */
  files?: [name: string, info: FileInfo][] | undefined;
  /** Whether it was built in `staging/` and renamed in, as its COMMIT says. */
  staged?: boolean | undefined;
}

/** Looks into a job's folder, which nobody can change by its path any more. */
export function lookInto(folder: string): FolderContent {
  const files = filesIn(folder);
  return { files, staged: files && isStaged(folder) }; // a folder that is a link leads out of the bus
}

function filesIn(folder: string): FolderContent['files'] {
  try {
    if (!lstatSync(folder).isDirectory()) return undefined;
    return readdirSync(folder)
      .filter(name => !ofEveryJob.has(name))
      .map(name => [name, fileInfo(lstatSync(inFolder(folder, name)))]);
  } catch {
    return undefined;
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
});
