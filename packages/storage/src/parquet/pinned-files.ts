import { existsSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { BusError, type ParquetFooter } from '@quantbot/infra';
import { isHttpRoot, readFooterOf } from '@quantbot/infra/bus';
import { systemErrorCode } from '@quantbot/infra/files';
import type { Bucket, S3Options } from '@quantbot/infra/objects';
import { StorageError, storageError } from '../errors.js';
import type { RemoteFile } from './remote-file.js';

/** With more files, read by name, to save descriptors. */
const maxPinned = 256;
const atOnce = 32;

/** A file of a read, as it was at the start of the read. */
interface PinnedFile {
  path: string;
  /** The path for DuckDB. */
  readPath: string;
  footer: ParquetFooter;
  size: bigint;
  mtimeNs: bigint;
  inode: bigint;
  handle: FileHandle | undefined;
  /** The copy behind the handle, if the path is a URL. */
  remote?: RemoteFile;
}

/**
 * The files of one read. DuckDB opens a file again for each part that it reads. If another file was
 * renamed over it meanwhile, DuckDB would mix the pages of both. So the files are held open and
 * DuckDB gets the descriptors: a read sees one version of each file, even of one that is removed or
 * replaced. A file that is rewritten in place is noticed. The file of a URL is a copy.
 */
export class PinnedFiles {
  readonly #files: readonly PinnedFile[];

  private constructor(files: readonly PinnedFile[]) {
    this.#files = files;
  }

  /**
   * @throws StorageError `FILE_NOT_FOUND`, `NOT_PARQUET`, `READ_FAILED`; for a URL also
   * `ARTIFACT_FORGOTTEN`, `FILE_CHANGED`, and BusError `BUS_DENIED`.
   */
  static async open(
    paths: readonly string[],
    { byName, signal, s3 }: Pick<OpenContext, 'byName'> & Partial<Pick<OpenContext, 'signal' | 's3'>>,
  ): Promise<PinnedFiles> {
    const pin = !byName && paths.length <= maxPinned && existsSync('/proc/self/fd');
    const files: PinnedFile[] = [];
    const context = { pin, byName, signal, s3, buckets: new Map() };
    try {
      for (let from = 0; from < paths.length; from += atOnce) {
        const opened = await Promise.allSettled(paths.slice(from, from + atOnce).map(path => openOne(path, context)));
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

  /**
   * Fetches what a read of these columns needs of the files behind URLs. Without names, everything.
   *
   * @throws StorageError as {@link PinnedFiles.open}.
   */
  async fetch(columns: readonly string[] | undefined): Promise<void> {
    for (const { remote } of this.#files) await remote?.fetch(columns);
  }

  get footers(): readonly { path: string; readPath: string; footer: ParquetFooter }[] {
    return this.#files;
  }

  get readPaths(): string[] {
    return this.#files.map(file => file.readPath);
  }

  /** @throws StorageError `FILE_CHANGED` if a file has changed since the start. */
  async assertUnchanged(): Promise<void> {
    const changed = await this.changes();
    if (changed.length > 0)
      throw storageError('FILE_CHANGED', 'A file was rewritten while it was read.', { details: changed });
  }

  /**
   * Returns a line for each file that was rewritten in place or shortened, or, if it is not held
   * open, replaced or removed.
   */
  async changes(): Promise<string[]> {
    const lines: string[] = [];
    for (const { path, handle, remote, size, mtimeNs, inode } of this.#files) {
      if (remote !== undefined) continue; // no one else has the copy
      const now = await (handle?.stat({ bigint: true }) ?? stat(path, { bigint: true }).catch(() => undefined));
      if (now === undefined) lines.push(`${path} was removed`);
      else if (now.ino !== inode) lines.push(`${path} was replaced`);
      else if (now.size !== size) lines.push(`${path} had ${size} bytes and has ${now.size} now`);
      else if (now.mtimeNs !== mtimeNs) lines.push(`${path} was written to`);
    }
    return lines;
  }

  /** Replaces descriptors in DuckDB's message by the files' names. */
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
  await Promise.all(files.map(file => file.remote?.close() ?? file.handle?.close()));
}

/** How the files of one read are opened. */
interface OpenContext {
  pin: boolean;
  byName: boolean;
  signal: AbortSignal | undefined;
  /** How to reach the S3 server; by default as the nearest `bus_config.json` says. */
  s3: S3Options | undefined;
  /** By name; opened when the first file needs it. */
  buckets: Map<string, Promise<Bucket>>;
}

const openOne = (path: string, context: OpenContext): Promise<PinnedFile> =>
  isHttpRoot(path) || path.startsWith('s3://') ? openRemote(path, context) : openFile(path, context.pin);

async function openRemote(url: string, context: OpenContext): Promise<PinnedFile> {
  const remote = await (isHttpRoot(url) ? openServed(url, context) : openObject(url, context));
  try {
    const { handle } = remote;
    const readPath = escapeGlob(remote.path);
    const footer = await readFooterOf(handle);
    const { size, mtimeNs, ino: inode } = await handle.stat({ bigint: true });
    return { path: url, readPath, footer, size, mtimeNs, inode, handle, remote };
  } catch (error) {
    await remote.close();
    throw fileError(url, error);
  }
}

// The modules of remote files are loaded only for URLs, because most sources are files.

async function openServed(url: string, { signal }: OpenContext): Promise<RemoteFile> {
  const { ServedFile } = await import('./served-file.js');
  return ServedFile.open(url, { signal });
}

async function openObject(url: string, { byName, signal, s3, buckets }: OpenContext): Promise<RemoteFile> {
  const [{ S3File }, { bucketOf, placeOf }] = await Promise.all([import('./s3-file.js'), import('./s3-bucket.js')]);
  const { bucket, key } = placeOf(url);
  const opening = buckets.get(bucket) ?? bucketOf(url, s3);
  buckets.set(bucket, opening);
  return S3File.open(url, { signal, bucket: await opening, ...(byName && { named: key }) });
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

/** DuckDB reads these characters as a glob. In brackets they are literal. */
const escapeGlob = (path: string): string => path.replace(/[*?[]/g, '[$&]');

function fileError(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  if (cause instanceof BusError)
    return storageError('NOT_PARQUET', `${path} is not a Parquet file that can be read. ${cause.message}`, { cause });
  if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(cause) ?? ''))
    return storageError('FILE_NOT_FOUND', `${path} no longer exists.`, { cause });
  return storageError('READ_FAILED', `${path} cannot be read.`, { cause, details: [(cause as Error).message] });
}
