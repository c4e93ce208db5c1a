import { existsSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { BusError, type ParquetFooter, readFooterOf, systemErrorCode } from '@quantbot/infra';
import { StorageError, storageError } from '../errors.js';

/** Above this many files they are read by name, so as not to use up the process's descriptors. */
const maxPinned = 256;
const atOnce = 32;

/** A file of a read: what it was when the read began. */
interface PinnedFile {
  path: string;
  /** The path that DuckDB is given. */
  readPath: string;
  footer: ParquetFooter;
  size: bigint;
  mtimeNs: bigint;
  inode: bigint;
  handle: FileHandle | undefined;
}

/**
 * The files of one read. DuckDB opens a file anew for every part that it reads; if another file was
 * renamed over it in between, it would take the pages of one for those of the other. So the files
 * are held open, and DuckDB is given the descriptors: a read is of one version of each file, also
 * of one that is removed or replaced meanwhile. A file that is rewritten in place is noticed.
 */
export class PinnedFiles {
  readonly #files: readonly PinnedFile[];

  private constructor(files: readonly PinnedFile[]) {
    this.#files = files;
  }

  /** @throws StorageError `FILE_NOT_FOUND`, `NOT_PARQUET`, `READ_FAILED`. */
  static async open(paths: readonly string[], { byName }: { byName: boolean }): Promise<PinnedFiles> {
    const pin = !byName && paths.length <= maxPinned && existsSync('/proc/self/fd');
    const files: PinnedFile[] = [];
    try {
      for (let from = 0; from < paths.length; from += atOnce) {
        const opened = await Promise.allSettled(paths.slice(from, from + atOnce).map(path => openFile(path, pin)));
        for (const result of opened) if (result.status === 'fulfilled') files.push(result.value);
        const failed = opened.find(result => result.status === 'rejected');
        if (failed !== undefined) throw failed.reason;
      }
      return new PinnedFiles(files);
    } catch (error) {
      await closeAll(files);
      throw error;
    }
  }

  get footers(): readonly { path: string; readPath: string; footer: ParquetFooter }[] {
    return this.#files;
  }

  get readPaths(): string[] {
    return this.#files.map(file => file.readPath);
  }

  /** @throws StorageError `FILE_CHANGED` when a file is no longer what it was at the beginning. */
  async assertUnchanged(): Promise<void> {
    const changed = await this.changes();
    if (changed.length > 0)
      throw storageError('FILE_CHANGED', 'A file was rewritten while it was read.', { details: changed });
  }

  /**
   * A line for each file that was rewritten in place, shortened, or (if it is not held open)
   * replaced or removed.
   */
  async changes(): Promise<string[]> {
    const lines: string[] = [];
    for (const { path, handle, size, mtimeNs, inode } of this.#files) {
      const now = await (handle?.stat({ bigint: true }) ?? stat(path, { bigint: true }).catch(() => undefined));
      if (now === undefined) lines.push(`${path} was removed`);
      else if (now.ino !== inode) lines.push(`${path} was replaced`);
      else if (now.size !== size) lines.push(`${path} had ${size} bytes and has ${now.size} now`);
      else if (now.mtimeNs !== mtimeNs) lines.push(`${path} was written to`);
    }
    return lines;
  }

  /** Puts the files' names where DuckDB's message has descriptors. */
  named(message: string): string {
    return this.#files.reduce(
      (text, { path, readPath }) =>
        path === readPath ? text : text.replaceAll(new RegExp(`${readPath}(?!\\d)`, 'g'), path),
      message,
    );
  }

  close(): Promise<void> {
    return closeAll(this.#files);
  }
}

async function closeAll(files: readonly PinnedFile[]): Promise<void> {
  await Promise.all(files.map(file => file.handle?.close()));
}

async function openFile(path: string, pin: boolean): Promise<PinnedFile> {
  const handle = await openHandle(path);
  try {
    const { size, mtimeNs, ino: inode } = await handle.stat({ bigint: true });
    const footer = await readFooterOf(handle);
    if (!pin) await handle.close();
    return pin
      ? { path, readPath: `/proc/self/fd/${handle.fd}`, footer, size, mtimeNs, inode, handle }
      : { path, readPath: escapeGlob(path), footer, size, mtimeNs, inode, handle: undefined };
  } catch (error) {
    await handle.close();
    throw fileError(path, error);
  }
}

async function openHandle(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw fileError(path, error);
  }
}

/** DuckDB takes a path with such characters for a glob; in brackets they stand for themselves. */
const escapeGlob = (path: string): string => path.replace(/[*?[]/g, '[$&]');

function fileError(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  if (cause instanceof BusError)
    return storageError('NOT_PARQUET', `${path} is not a Parquet file that can be read. ${cause.message}`, { cause });
  if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(cause) ?? ''))
    return storageError('FILE_NOT_FOUND', `${path} is not there any more.`, { cause });
  return storageError('READ_FAILED', `${path} cannot be read.`, { cause, details: [(cause as Error).message] });
}
