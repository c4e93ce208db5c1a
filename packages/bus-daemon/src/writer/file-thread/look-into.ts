import { chmodSync, lstatSync, opendirSync, readdirSync, type Stats } from 'node:fs';
import { fileNames, inFolder, readSmallFile, stagedMark } from '@quantbot/infra/files';

/**
 * Twice what a manifest can name. Nobody needs so many, and what is known of each is in memory
 * until the job has settled.
 */
const crowd = 20_000;

/** Folders of a job lie in each other at most so deep where the daemon works in them. */
const deepest = 16;

/** The bits of a mode that let others than the owner write. */
const othersMayWrite = 0o022;

/** What something in a job's folder is. */
export interface FileInfo {
  kind: 'file' | 'folder' | 'other';
  /** Of a folder, what lies in it; a rough figure. */
  bytes: number;
  inode: number;
}

const ofEveryJob: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.commit]);

/**
 * What a job's folder holds, as far as that can be seen: verification says what is wrong with the
 * rest.
 */
export interface FolderContent {
  /**
   * What lies in it besides manifest and COMMIT, with its names; undefined when it is no folder, or
   * holds a crowd.
   */
  files?: [name: string, info: FileInfo][] | undefined;
  /** Whether only the daemon's own user can put names into it, or take them out. */
  sealed: boolean;
  /**
   * Whether the daemon can work in it: it is sealed, all that it holds is this user's alone, and
   * its producer is done with it (it was built in `staging/` and renamed in, as its COMMIT says).
   * Anything else may change at any moment.
   */
  own: boolean;
}

/**
 * Looks into a job's folder in `claimed/`, whose name nobody else can change. If it belongs to the
 * daemon's user, its group and others lose the right to write to it. Opens nothing that another
 * user may have put there.
 */
export function lookInto(folder: string): FolderContent {
  try {
    const info = lstatSync(folder);
    const sealed = seal(folder, info);
    // One that is a link leads out of the bus. A folder's size is in bytes, or says how many lie in
    // it: it is more than that in any case.
    if (!info.isDirectory() || (info.size > crowd && isCrowded(folder))) return { sealed, own: false };
    const content = readdirSync(folder).map(name => ({ name, info: lstatSync(inFolder(folder, name)) }));
    const files = content
      .filter(({ name }) => !ofEveryJob.has(name))
      .map(({ name, info }): [string, FileInfo] => [name, infoOf(inFolder(folder, name), info)]);
    const alone = sealed && content.every(({ name, info }) => isAlone(inFolder(folder, name), info, 1));
    return { files, sealed, own: alone && isStaged(folder) };
  } catch {
    return { sealed: false, own: false };
  }
}

/** Whether it is a folder of this user's that nobody else can write to from now on. */
function seal(folder: string, info: Stats): boolean {
  if (!info.isDirectory() || !isOurs(info)) return false;
  if ((info.mode & othersMayWrite) !== 0) chmodSync(folder, info.mode & 0o755);
  return true;
}

const isOurs = ({ uid }: Stats): boolean => uid === (process.geteuid?.() ?? uid);

/**
 * Whether something in a sealed folder is a file that nobody else can reach, or a folder of nothing
 * but such.
 */
function isAlone(path: string, info: Stats, depth: number): boolean {
  if (info.isFile()) return isOurs(info) && info.nlink === 1 && (info.mode & othersMayWrite) === 0;
  if (depth > deepest || !seal(path, info)) return false;
  return readdirSync(path).every(name => {
    const inner = inFolder(path, name);
    return isAlone(inner, lstatSync(inner), depth + 1);
  });
}

/** Of a folder, the bytes are those of the files in it. */
const infoOf = (path: string, info: Stats): FileInfo =>
  info.isDirectory() ? { ...fileInfo(info), bytes: bytesBelow(path) } : fileInfo(info);

/** So much is looked at to say how many bytes lie in a folder. */
const mostSeen = 200;

/**
 * Bytes of the files in a folder; more than any job may have when that cannot be said at a glance.
 */
function bytesBelow(path: string): number {
  let bytes = 0;
  let seen = 0;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const content = opendirSync(folder);
    try {
      for (let entry = content.readSync(); entry !== null; entry = content.readSync()) {
        if (++seen > mostSeen) return Number.MAX_SAFE_INTEGER;
        const inner = inFolder(folder, entry.name);
        if (entry.isDirectory()) folders.push(inner);
        else bytes += lstatSync(inner).size;
      }
    } finally {
      content.closeSync();
    }
  }
  return bytes;
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

function isStaged(folder: string): boolean {
  try {
    return readSmallFile(inFolder(folder, fileNames.commit), stagedMark.length).toString('latin1') === stagedMark;
  } catch {
    return false; // in doubt, which costs a copy
  }
}

/** What counts of a `stat`. */
export const fileInfo = (info: Stats): FileInfo => ({
  kind: info.isFile() ? 'file' : info.isDirectory() ? 'folder' : 'other',
  bytes: info.size,
  inode: info.ino,
});
