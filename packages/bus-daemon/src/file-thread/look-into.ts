import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { fileNames, inFolder } from '@quantbot/infra/files';

/** What something in a job's folder is. */
export interface FileInfo {
  kind: 'file' | 'folder' | 'other';
  bytes: number;
  inode: number;
  /** How many names it has. */
  links: number;
}

const ofEveryJob: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.commit]);

/** What lies in a job's folder besides manifest and COMMIT, with its names; undefined when it is no folder, or cannot be read. */
export function lookInto(folder: string): [name: string, info: FileInfo][] | undefined {
  try {
    if (!lstatSync(folder).isDirectory()) return undefined;
    return readdirSync(folder)
      .filter(name => !ofEveryJob.has(name))
      .map(name => [name, fileInfo(lstatSync(inFolder(folder, name)))]);
  } catch {
    return undefined; // verification says what is wrong with it
  }
}

/** What counts of a `stat`. */
export const fileInfo = (info: Stats): FileInfo => ({
  kind: info.isFile() ? 'file' : info.isDirectory() ? 'folder' : 'other',
  bytes: info.size,
  inode: info.ino,
  links: info.nlink,
});
