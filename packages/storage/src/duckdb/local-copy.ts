import { rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { storageError } from '../errors.js';
import { nextSpillPath } from './spill-folder.js';

/** A temporary file with what a server has sent. */
export interface LocalCopy {
  handle: FileHandle;
  path: string;
  close(): Promise<void>;
}

/**
 * Creates an empty file. On Linux it has no name, so that nothing of it remains.
 *
 * @throws StorageError `READ_FAILED`.
 */
export async function makeCopy(url: string): Promise<LocalCopy> {
  const path = nextSpillPath();
  try {
    const handle = await open(path, 'wx+', 0o600);
    if (process.platform === 'linux') {
      rmSync(path);
      return { handle, path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
    }
    return { handle, path, close: () => handle.close().finally(() => rmSync(path, { force: true })) };
  } catch (cause) {
    throw storageError('READ_FAILED', `There is no place for a copy of ${url}.`, {
      cause,
      hint: 'Make room in the temporary folder, or set TMPDIR to another one.',
    });
  }
}
