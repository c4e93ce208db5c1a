import { rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storageError } from '../errors.js';
import { nextSpillPath } from './spill-folder.js';

/** A temporary file with what a server has sent. */
export interface LocalCopy {
  handle: FileHandle;
  path: string;
  close(): Promise<void>;
}

/**
 * Creates an empty file. On Linux it has no name, so that nothing of it remains, unless a path is
 * given: then it has this path below a folder of its own until it is closed.
 *
 * @throws StorageError `READ_FAILED`.
 */
export async function makeCopy(url: string, named?: string): Promise<LocalCopy> {
  const place = nextSpillPath();
  const path = named === undefined ? place : join(place, named);
  try {
    if (named !== undefined) await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'wx+', 0o600);
    if (process.platform === 'linux' && named === undefined) {
      rmSync(path);
      return { handle, path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
    }
    return { handle, path, close: () => handle.close().finally(() => rm(place, { recursive: true, force: true })) };
  } catch (cause) {
    throw storageError('READ_FAILED', `There is no place for a copy of ${url}.`, {
      cause,
      hint: 'Make room in the temporary folder, or set TMPDIR to another one.',
    });
  }
}
