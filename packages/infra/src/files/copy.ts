import { constants } from 'node:fs';
import { copyFile, type FileHandle, open } from 'node:fs/promises';
import { systemErrorCode } from '../errors.js';
import { type ContentDigest, digestHandle } from './digest.js';
import { syncFile } from './flush.js';
import { orRemove } from './or-remove.js';

/**
 * Copies a file to a name that must not exist, hashes it, and flushes it. Shares the blocks
 * (reflink) if the file system can. It then hashes the copy, so that the digest always describes
 * the written bytes. A failed copy leaves nothing.
 *
 * @throws EEXIST when the name is taken; BusError `BYTES_MISMATCH` as {@link digestHandle}.
 */
export async function copyFileDurable(from: string, to: string): Promise<ContentDigest> {
  const digest = await copyFileHashing(from, to);
  await orRemove(to, () => syncFile(to));
  return digest;
}

/** {@link copyFileDurable} without the flush, which the caller must do. */
export async function copyFileHashing(from: string, to: string): Promise<ContentDigest> {
  const source = await open(from, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return await copyHandle(source, to);
  } finally {
    await source.close();
  }
}

/**
 * {@link copyFileDurable} for an open file: it copies the file that was checked, whatever its name
 * refers to by now.
 */
export async function copyHandleDurable(source: FileHandle, to: string, signal?: AbortSignal): Promise<ContentDigest> {
  const digest = await copyHandle(source, to, { signal });
  await orRemove(to, () => syncFile(to));
  return digest;
}

/**
 * {@link copyHandleDurable} without the flush, which the caller must do.
 *
 * @param options.mode of the copy. A clone briefly has its source's mode, so users who may not
 * write into the copy must not reach its folder.
 * @param options.expectedBytes as for {@link digestHandle}.
 */
export async function copyHandle(
  source: FileHandle,
  to: string,
  { mode = 0o644, signal, expectedBytes }: CopyOptions = {},
): Promise<ContentDigest> {
  if (await cloneFile(source, to)) return orRemove(to, () => digestClone(to, mode, { signal, expectedBytes }));
  const target = await open(to, 'wx', mode);
  return orRemove(to, async () => {
    try {
      return await digestHandle(source, { sink: target, signal, expectedBytes });
    } finally {
      await target.close();
    }
  });
}

interface CopyOptions {
  mode?: number;
  signal?: AbortSignal | undefined;
  expectedBytes?: number | undefined;
}

async function digestClone(path: string, mode: number, options: Omit<CopyOptions, 'mode'>): Promise<ContentDigest> {
  const clone = await open(path, 'r');
  try {
    await clone.chmod(mode); // a clone has the mode of its source, and the daemon may not be allowed to read that
    return await digestHandle(clone, options);
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
    return false; // the file system cannot clone, or /proc is missing
  }
}
