import { chmodSync, lstatSync, opendirSync, readdirSync, type Stats } from 'node:fs';
import { fileNames, inFolder, readSmallFile, stagedMark } from '@quantbot/infra/files';

/**
 * Twice the files that a manifest can name. Facts about each stay in memory until the job has
 * settled.
 */
const maxFiles = 20_000;

/** The deepest nesting of folders in a job in which the daemon works itself. */
const maxDepth = 16;

/** The mode bits that let other users write. */
const othersMayWrite = 0o022;

/** Facts about an entry of a job's folder. */
export interface FileInfo {
  kind: 'file' | 'folder' | 'other';
  /** For a folder, roughly the bytes in it. */
  bytes: number;
  inode: number;
}

const ofEveryJob: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.commit]);

/** The content of a job's folder, as far as it is visible. Verification judges the rest. */
export interface FolderContent {
  /** The entries without manifest and COMMIT. Undefined if it is not a folder, or has too many. */
  files?: [name: string, info: FileInfo][] | undefined;
  /** Whether only the daemon's user can add or remove names in it. */
  sealed: boolean;
  /** Whether it is sealed, and all of it belongs to this user alone. */
  ours: boolean;
  /**
   * Whether the daemon can work in it: it is ours, and the producer is done with it (its COMMIT
   * says that it was staged). Any other folder may change at any moment.
   */
  own: boolean;
}

/**
 * Examines a job's folder in `claimed/`, whose name only the daemon can change. If the folder
 * belongs to the daemon's user, it removes the write access of others. It opens nothing that
 * another user may have put there.
 */
export function lookInto(folder: string): FolderContent {
  try {
    const info = lstatSync(folder);
    const sealed = seal(folder, info);
    // A link leads out of the bus. A folder's size is its number of bytes or of entries, depending
    // on the file system, and never less than the number of entries.
    if (!info.isDirectory() || (info.size > maxFiles && isCrowded(folder))) return { sealed, ours: false, own: false };
    const content = readdirSync(folder).map(name => ({ name, info: lstatSync(inFolder(folder, name)) }));
    const files = content
      .filter(({ name }) => !ofEveryJob.has(name))
      .map(({ name, info }): [string, FileInfo] => [name, infoOf(inFolder(folder, name), info)]);
    const ours = sealed && content.every(({ name, info }) => isAlone(inFolder(folder, name), info, 1));
    return { files, sealed, ours, own: ours && isStaged(folder) };
  } catch {
    return { sealed: false, ours: false, own: false };
  }
}

/** Removes the write access of others, and returns whether the folder belongs to this user. */
function seal(folder: string, info: Stats): boolean {
  if (!info.isDirectory() || !isOurs(info)) return false;
  if ((info.mode & othersMayWrite) !== 0) chmodSync(folder, info.mode & 0o755);
  return true;
}

const ourUid = process.geteuid?.();
const isOurs = ({ uid }: Stats): boolean => uid === (ourUid ?? uid);

/**
 * Whether an entry of a sealed folder is a file that no one else can reach, or a folder of only
 * such files.
 */
function isAlone(path: string, info: Stats, depth: number): boolean {
  if (info.isFile()) return isOurs(info) && info.nlink === 1 && (info.mode & othersMayWrite) === 0;
  if (depth > maxDepth || !seal(path, info)) return false;
  return readdirSync(path).every(name => {
    const inner = inFolder(path, name);
    return isAlone(inner, lstatSync(inner), depth + 1);
  });
}

/** For a folder, the bytes are those of the files in it. */
const infoOf = (path: string, info: Stats): FileInfo =>
  info.isDirectory() ? { ...fileInfo(info), bytes: bytesBelow(path) } : fileInfo(info);

/** Entries to examine to estimate the bytes in a folder. */
const maxSeen = 200;

/**
 * Returns the bytes of the files in a folder, or more than any job may have if that is not quickly
 * known.
 */
function bytesBelow(path: string): number {
  let bytes = 0;
  let seen = 0;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const content = opendirSync(folder);
    try {
      for (let entry = content.readSync(); entry !== null; entry = content.readSync()) {
        if (++seen > maxSeen) return Number.MAX_SAFE_INTEGER;
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
    for (let seen = 0; seen <= maxFiles; seen++) if (content.readSync() === null) return false;
    return true;
  } finally {
    content.closeSync();
  }
}

function isStaged(folder: string): boolean {
  try {
    return readSmallFile(inFolder(folder, fileNames.commit), stagedMark.length).toString('latin1') === stagedMark;
  } catch {
    return false; // in doubt, copy
  }
}

/** Returns the relevant parts of a `stat`. */
export const fileInfo = (info: Stats): FileInfo => ({
  kind: info.isFile() ? 'file' : info.isDirectory() ? 'folder' : 'other',
  bytes: info.size,
  inode: info.ino,
});
