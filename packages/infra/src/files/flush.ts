import { closeSync, fsync, openSync, type PathLike } from 'node:fs';
import { promisify } from 'node:util';

/** The number of threads that Node has for file work. */
const threads = 4;

/** Flushes an open file, by its descriptor. */
export const flush: (file: number) => Promise<void> = promisify(fsync);

/**
 * Flushes a file's content and metadata to the disk. Only the flush runs on another thread, because
 * only it takes long enough.
 */
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

/**
 * {@link syncFile} for several files. Later flushes cost little, because the first one also writes
 * the file system's journal for the others.
 */
export async function syncFiles(paths: readonly string[]): Promise<void> {
  for (let first = 0; first < paths.length; first += threads)
    await Promise.all(paths.slice(first, first + threads).map(syncFile));
}
