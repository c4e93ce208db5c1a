/**
 * Everything that renames, links or fsyncs. What is said to be durable here survives a power cut once the promise has resolved: a
 * file is synced before the name that makes it visible, the folder after it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, fsync, linkSync, openSync, type PathLike, renameSync, rmSync, writeSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { busError, systemErrorCode } from './errors.js';

const chunkBytes = 1024 * 1024;
/** What Node has for file work. */
const threads = 4;

const flush = promisify(fsync);

/** Flushes a file's content and metadata to the disk. Only the flush itself takes long enough for another thread to be worth it. */
export async function syncFile(path: PathLike): Promise<void> {
  const file = openSync(path, 'r');
  try {
    await flush(file);
  } finally {
    closeSync(file);
  }
}

/** Flushes a folder, so that the names created, renamed or removed in it survive a power cut. */
export const syncFolder = (path: string): Promise<void> => syncFile(path);

/** {@link syncFile} of several: what a file system's journal has taken in for one costs little for the others. */
export async function syncFiles(paths: readonly string[]): Promise<void> {
  for (let first = 0; first < paths.length; first += threads)
    await Promise.all(paths.slice(first, first + threads).map(syncFile));
}

/** Renames and flushes both folders. An existing target file is replaced. */
export async function renameDurable(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/**
 * Writes a whole file so that a reader sees the old content or the new one, and a power cut leaves either: temporary name, fsync,
 * rename, fsync of the folder.
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
 * Like {@link writeFileDurable} for what somebody else writes: `write` makes the file under a temporary name beside the path.
 *
 * @returns what `write` does.
 */
export async function replaceFileDurable<T>(path: string, write: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = temporaryBeside(path);
  const written = await orRemove(temporary, async () => {
    const result = await write(temporary);
    await syncFile(temporary);
    await rename(temporary, path); // from here on the file is there
    return result;
  });
  await syncFolder(dirname(path));
  return written;
}

/**
 * Like {@link writeFileDurable} for a file that only the first of several writers may create.
 *
 * @returns false when the file is there already; it is then left as it is.
 */
export async function createFileDurable(path: string, content: string | Uint8Array, mode = 0o644): Promise<boolean> {
  const temporary = temporaryBeside(path);
  const created = await orRemove(temporary, async () => {
    await writeAndSync(temporary, content, mode);
    const taken = await linkOrRename(temporary, path);
    await rm(temporary, { force: true });
    return !taken;
  });
  await syncFolder(dirname(path));
  return created;
}

/** Gives the file its name unless that is taken, and answers whether it was. */
async function linkOrRename(from: string, to: string): Promise<boolean> {
  try {
    if (tryLink(from, to)) return false;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return true;
    throw error;
  }
  if (await exists(to)) return true;
  await rename(from, to); // without links there is no atomic way; two that come at the same instant both get here
  return false;
}

/** Like {@link writeFileDurable}, but without the syncs: for small files that can be made again from something durable. */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o644): void {
  const temporary = temporaryBeside(path);
  try {
    writeNewFile(temporary, content, mode);
    renameSync(temporary, path);
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch {} // what went wrong first is what counts
    throw error;
  }
}

/** Runs `work`; if it fails, what it left at the path goes too, as far as that is possible. */
async function orRemove<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await rm(path, { force: true }).catch(() => {}); // what went wrong first is what counts
    throw error;
  }
}

/** Creates a file that must not exist yet, writes it and flushes it; the folder is the caller's to flush. */
export async function writeAndSync(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const file = openSync(path, 'wx', mode);
  try {
    writeWhole(file, content);
    await flush(file);
  } finally {
    closeSync(file);
  }
}

/** Creates a file that must not exist yet; flushing it is the caller's. */
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
  if (!ArrayBuffer.isView(bytes)) throw new TypeError('The content of a file is text or bytes.');
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, done);
}

/** Creates a folder and those above it that are missing, and flushes every folder that got a new name. */
export async function makeFolderDurable(path: string): Promise<void> {
  const absolute = resolve(path);
  const first = await makeFolders(absolute);
  if (first === undefined) return;
  for (let folder = absolute; folder.length >= first.length; folder = dirname(folder))
    await syncFolder(dirname(folder));
}

/** Node answers ENOENT where a read-only file system refuses a recursive mkdir (seen with 20.20); one step alone says what is wrong. */
async function makeFolders(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true });
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    let missing = path;
    while (!(await exists(dirname(missing)))) missing = dirname(missing);
    await mkdir(missing);
    throw error;
  }
}

/** Size and SHA-256 of content that was read to its end. */
export interface ContentDigest {
  bytes: number;
  sha256: string;
}

/**
 * Reads an open file from its beginning to its end and hashes it, optionally writing each chunk to `sink`.
 *
 * @throws BusError `BYTES_MISMATCH` when the file does not keep the size that it has at the beginning: somebody is writing to it, and
 * reading on would have no end.
 */
export async function digestHandle(
  source: FileHandle,
  { sink, signal }: { sink?: FileHandle | undefined; signal?: AbortSignal | undefined } = {},
): Promise<ContentDigest> {
  const hash = createHash('sha256');
  const { size } = await source.stat();
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(size + 1, chunkBytes)));
  let bytes = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, buffer.length, bytes);
    if (bytesRead === 0 || bytes + bytesRead > size) break;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    if (sink !== undefined) await writeFully(sink, chunk, bytes);
    bytes += bytesRead;
  }
  if (bytes !== size || (await source.stat()).size !== size)
    throw busError('BYTES_MISMATCH', `The file changed its size of ${size} bytes while it was read.`);
  return { bytes, sha256: hash.digest('hex') };
}

/** Size and SHA-256 of what is in memory. */
export const digestOf = (content: Uint8Array): ContentDigest => ({
  bytes: content.byteLength,
  sha256: createHash('sha256').update(content).digest('hex'),
});

/** Size and SHA-256 of a file. */
export async function digestFile(path: string): Promise<ContentDigest> {
  const handle = await open(path, 'r');
  try {
    return await digestHandle(handle);
  } finally {
    await handle.close();
  }
}

/**
 * Copies a file to a name that must not exist yet, hashing on the way, and flushes it. Shares the blocks (reflink) where the file
 * system can; the copy is then hashed, so that the digest is always of what was really written. A copy that fails leaves nothing.
 *
 * @throws EEXIST when the name is taken; BusError `BYTES_MISMATCH` as {@link digestHandle}.
 */
export async function copyFileDurable(from: string, to: string): Promise<ContentDigest> {
  const digest = await copyFileHashing(from, to);
  await orRemove(to, () => syncFile(to));
  return digest;
}

/** {@link copyFileDurable} without the flush, which is the caller's to make. */
export async function copyFileHashing(from: string, to: string): Promise<ContentDigest> {
  const source = await open(from, 'r');
  try {
    return await copyHandle(source, to);
  } finally {
    await source.close();
  }
}

/** {@link copyFileDurable} for a file that is already open, so that what was checked is what is copied, whatever its name says by now. */
export async function copyHandleDurable(source: FileHandle, to: string, signal?: AbortSignal): Promise<ContentDigest> {
  const digest = await copyHandle(source, to, signal);
  await orRemove(to, () => syncFile(to));
  return digest;
}

async function copyHandle(source: FileHandle, to: string, signal?: AbortSignal): Promise<ContentDigest> {
  if (await cloneFile(source, to)) return orRemove(to, () => digestClone(to, signal));
  const target = await open(to, 'wx', 0o644);
  return orRemove(to, async () => {
    try {
      return await digestHandle(source, { sink: target, signal });
    } finally {
      await target.close();
    }
  });
}

async function digestClone(path: string, signal: AbortSignal | undefined): Promise<ContentDigest> {
  const clone = await open(path, 'r');
  try {
    await clone.chmod(0o644); // a clone has the mode of its source, which the daemon may not be allowed to read
    return await digestHandle(clone, { signal });
  } finally {
    await clone.close();
  }
}

/** Whether the file system could share the blocks of an open file with a new file `to`. */
async function cloneFile(source: FileHandle, to: string): Promise<boolean> {
  try {
    await copyFile(`/proc/self/fd/${source.fd}`, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') throw error;
    return false; // no such file system, or no /proc
  }
}

/**
 * Gives a file a second name. Answers false where the file system refuses links (another device, no links at all, too many), so
 * that the caller can copy.
 *
 * @throws EEXIST when the name is taken.
 */
export function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(systemErrorCode(error) ?? ''))
      return false;
    throw error;
  }
}

/** Whether something is at the path. Any error but "not there" is thrown. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
}

/** A name in the same folder that no reader looks at; at most 60 characters of three bytes and 20 more. */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 60)}.${randomBytes(6).toString('hex')}.tmp`);

/**
 * Removes the temporary files that writers left in a folder when they were killed.
 *
 * @param of only those of the file with this name; of every file when absent. For folders that are not the caller's alone.
 */
export async function removeTemporaries(folder: string, of?: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = /^\.(.+)\.[0-9a-f]{12}\.tmp$/.exec(name);
    if (match !== null && (of === undefined || match[1] === of.slice(0, 60)))
      await rm(join(folder, name), { force: true });
  }
}

async function writeFully(target: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await target.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
