/**
 * All writes and renames. A result that is called durable survives a power cut once the promise
 * resolves: the file is flushed before the name that makes it visible, and the folder afterwards.
 */
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemErrorCode } from '../errors.js';
import { flush, syncFile, syncFolder } from './flush.js';
import { exists, temporaryBeside, tryLink } from './names.js';
import { orRemove } from './or-remove.js';

/** Renames, and flushes both folders. Replaces an existing target file. */
export async function renameDurable(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/**
 * Writes a whole file. A reader sees the old or the new content, and a power cut leaves either.
 * Steps: temporary name, fsync, rename, fsync of the folder.
 */
export async function writeFileDurable(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = temporaryBeside(path);
  await orRemove(temporary, async () => {
    await writeAndSync(temporary, content, mode);
    renameSync(temporary, path);
  });
  await syncFolder(dirname(path));
}

/**
 * Like {@link writeFileDurable}, but `write` creates the file, under a temporary name beside the
 * path.
 *
 * @returns the result of `write`.
 */
export async function replaceFileDurable<T>(path: string, write: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = temporaryBeside(path);
  const written = await orRemove(temporary, async () => {
    const result = await write(temporary);
    await syncFile(temporary);
    await rename(temporary, path); // from here on the file exists
    return result;
  });
  await syncFolder(dirname(path));
  return written;
}

/**
 * Like {@link writeFileDurable}, but only the first of several writers creates the file.
 *
 * @returns false if the file already exists. It then stays unchanged.
 */
export const createFileDurable = (path: string, content: string | Uint8Array, mode = 0o644): Promise<boolean> =>
  createFileDurableBy(path, temporary => writeAndSync(temporary, content, mode));

/** {@link createFileDurable}, but `write` creates and flushes the file, under a temporary name. */
export async function createFileDurableBy(path: string, write: (temporary: string) => Promise<void>): Promise<boolean> {
  const temporary = temporaryBeside(path);
  const created = await orRemove(temporary, async () => {
    await write(temporary);
    const taken = await linkOrRename(temporary, path);
    await rm(temporary, { force: true });
    return !taken;
  });
  await syncFolder(dirname(path));
  return created;
}

/** Gives the file its name, and returns false if the name is taken. */
async function linkOrRename(from: string, to: string): Promise<boolean> {
  try {
    if (tryLink(from, to)) return false;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return true;
    throw error;
  }
  if (await exists(to)) return true;
  await rename(from, to); // without links there is no atomic way: two concurrent writers both get here
  return false;
}

/** Like {@link writeFileDurable}, but without flushes. For small files that can be rebuilt. */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o644): void {
  const temporary = temporaryBeside(path);
  try {
    writeNewFile(temporary, content, mode);
    renameSync(temporary, path);
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch {} // throw the first error, not this one
    throw error;
  }
}

/** Creates a new file, writes it and flushes it. The caller must flush the folder. */
export async function writeAndSync(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const file = openSync(path, 'wx', mode);
  try {
    writeWhole(file, content);
    await flush(file);
  } finally {
    closeSync(file);
  }
}

/** Creates and writes a new file. The caller must flush it. */
export function writeNewFile(path: string, content: string | Uint8Array, mode = 0o644): void {
  const file = openSync(path, 'wx', mode);
  try {
    writeWhole(file, content);
  } finally {
    closeSync(file);
  }
}

function writeWhole(file: number, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  if (!ArrayBuffer.isView(bytes)) throw new TypeError('The content of a file must be text or bytes.');
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, done);
}

/**
 * The mode of folders where only the daemon's user may write. Where a folder has a default ACL, the
 * umask counts for nothing, and only the mode keeps other users out.
 */
export const ownFolderMode = 0o755;

/** Creates a folder and its missing parents, and flushes every folder that got a new name. */
export async function makeFolderDurable(path: string, mode = ownFolderMode): Promise<void> {
  const absolute = resolve(path);
  if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory()) return;
  const first = await makeFolders(absolute, mode);
  if (first === undefined) return;
  for (let folder = absolute; folder.length >= first.length; folder = dirname(folder))
    await syncFolder(dirname(folder));
}

/**
 * Node reports ENOENT if a read-only file system refuses a recursive mkdir (seen with 20.20). A
 * single step reports the real error.
 */
async function makeFolders(path: string, mode: number): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true, mode });
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    let missing = path;
    while (!(await exists(dirname(missing)))) missing = dirname(missing);
    await mkdir(missing, mode);
    throw error;
  }
}
