import type { FileHandle } from 'node:fs/promises';
import type { CodedError } from '@quantbot/infra';
import { type LocalCopy, makeCopy } from '../duckdb/local-copy.js';
import { storageError } from '../errors.js';
import { bloomRanges, columnRanges, type Range, without } from './needed-ranges.js';

/** The first request asks for this many bytes at the end: the footer, and all of a small file. */
export const firstBytes = 256 * 1024;
/** The start of a file says whether it is Parquet. */
const headBytes = 512;
/** A larger footer is refused, so it need not be fetched apart. */
const maxFooterBytes = 64 * 1024 * 1024;

/** How a file is read. */
export interface RemoteOptions {
  signal: AbortSignal | undefined;
  /** The path of the copy below a folder of its own, if its name matters. */
  named?: string | undefined;
}

/**
 * A file behind a URL, as a sparse copy on this machine that has the fetched bytes at their places.
 * All bytes are of one version: every answer must have the tag of the first one.
 */
export abstract class RemoteFile {
  protected readonly url: string;
  protected readonly signal: AbortSignal | undefined;
  /** Undefined before the first answer. */
  protected tag: string | undefined;
  protected size = 0;
  readonly #copy: LocalCopy;
  readonly #have: Range[] = [];

  protected constructor(url: string, signal: AbortSignal | undefined, copy: LocalCopy) {
    this.url = url;
    this.signal = signal;
    this.#copy = copy;
  }

  /** Creates the copy of a file, and fetches the parts that describe the file. */
  protected static async begin<T extends RemoteFile>(
    url: string,
    { named }: RemoteOptions,
    create: (copy: LocalCopy) => T,
  ): Promise<T> {
    const file = create(await makeCopy(url, named));
    try {
      await file.fetchRange();
      await file.#fetchFooter();
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get handle(): FileHandle {
    return this.#copy.handle;
  }

  /** The path of the copy for DuckDB. */
  get path(): string {
    return this.#copy.path;
  }

  /** Fetches the data of these columns, or all data. Errors are those of opening. */
  async fetch(columns: readonly string[] | undefined): Promise<void> {
    const footer = columns && (await this.#footer());
    await this.#fetchAll((footer && columnRanges(footer, columns)) ?? [{ start: 0, end: this.size }]);
  }

  close(): Promise<void> {
    return this.#copy.close();
  }

  /** Fetches a range, or at first the end of the file, with {@link RemoteFile.place}. */
  protected abstract fetchRange(range?: Range): Promise<void>;

  /** Notes tag and size of the first answer. Returns false if another answer has other ones. */
  protected async isSameVersion(tag: string, size: number): Promise<boolean> {
    if (this.tag === undefined) {
      [this.tag, this.size] = [tag, size];
      await this.handle.truncate(size);
    }
    return tag === this.tag && size === this.size;
  }

  /** Begins a range that is empty yet. */
  protected beginRange(start: number): Range {
    const range = { start, end: start };
    this.#have.push(range);
    return range;
  }

  /** Writes the next bytes of a range. */
  protected async place(range: Range, bytes: Uint8Array): Promise<void> {
    await this.handle.write(bytes, 0, bytes.length, range.end);
    range.end += bytes.length;
  }

  /** Bloom filters lie among the data, and the check of a footer reads their headers. */
  async #fetchFooter(): Promise<void> {
    await this.#fetchAll([{ start: 0, end: Math.min(headBytes, this.size) }]);
    if (this.size < firstBytes) return;
    const footer = await this.#footer();
    await this.#fetchAll(bloomRanges(footer) ?? [{ start: 0, end: this.size }]);
  }

  /** Returns the end of the file, with the whole footer if that is possible. */
  async #footer(): Promise<Uint8Array<ArrayBuffer>> {
    const tail = await this.#read(Math.max(0, this.size - 8));
    const claimed = tail.length === 8 ? new DataView(tail.buffer).getUint32(0, true) : 0;
    const length = claimed > maxFooterBytes ? 0 : claimed + 8;
    const start = Math.max(0, this.size - length);
    await this.#fetchAll([{ start, end: this.size }]);
    return this.#read(start);
  }

  async #read(start: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.size - start);
    await this.handle.read(bytes, 0, bytes.length, start);
    return bytes;
  }

  async #fetchAll(ranges: readonly Range[]): Promise<void> {
    for (const range of without(ranges, this.#have, this.size)) await this.fetchRange(range);
  }
}

/** Returns the error of a file that has another version now. */
export const replaced = (url: string, cause?: Error): CodedError =>
  storageError('FILE_CHANGED', `${url} was replaced while it was read.`, {
    cause,
    hint: 'Read again. If it is replaced too often, read the artifacts behind the export: they never change.',
  });
