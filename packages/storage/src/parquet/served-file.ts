import type { FileHandle } from 'node:fs/promises';
import { CodedError } from '@quantbot/infra';
import { askServer, readingFrom, ServerError } from '@quantbot/infra/bus';
import { type LocalCopy, makeCopy } from '../duckdb/local-copy.js';
import { storageError } from '../errors.js';
import { answered, unanswered } from '../served-error.js';
import { bloomRanges, columnRanges, type Range, without } from './needed-ranges.js';

/** The first request asks for this many bytes at the end: the footer, and all of a small file. */
const firstBytes = 256 * 1024;
/** The start of a file says whether it is Parquet. */
const headBytes = 512;
/** A larger footer is refused, so it need not be fetched apart. */
const maxFooterBytes = 64 * 1024 * 1024;

/**
 * A file of a daemon's server, as a sparse copy on this machine that has the fetched bytes at their
 * places. Every request names the entity tag of the first answer, so all bytes are of one version.
 */
export class ServedFile {
  readonly #url: string;
  readonly #signal: AbortSignal | undefined;
  readonly #copy: LocalCopy;
  readonly #have: Range[] = [];
  #size = 0;
  #tag: string | undefined;

  private constructor(url: string, signal: AbortSignal | undefined, copy: LocalCopy) {
    this.#url = url;
    this.#signal = signal;
    this.#copy = copy;
  }

  /**
   * Fetches the parts of a file that describe it.
   *
   * @throws StorageError `OPTIONS_INVALID`, `FILE_NOT_FOUND`, `ARTIFACT_FORGOTTEN`, `FILE_CHANGED`,
   * `READ_FAILED`; BusError `BUS_DENIED`.
   */
  static async open(url: string, signal: AbortSignal | undefined): Promise<ServedFile> {
    checkUrl(url);
    const file = new ServedFile(url, signal, await makeCopy(url));
    try {
      await file.#fetchRange();
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

  /**
   * Fetches the data of these columns, or all data.
   *
   * @throws StorageError as {@link ServedFile.open}.
   */
  async fetch(columns: readonly string[] | undefined): Promise<void> {
    const footer = columns && (await this.#footer());
    await this.#fetchAll((footer && columnRanges(footer, columns)) ?? [{ start: 0, end: this.#size }]);
  }

  close(): Promise<void> {
    return this.#copy.close();
  }

  /** Bloom filters lie among the data, and the check of a footer reads their headers. */
  async #fetchFooter(): Promise<void> {
    await this.#fetchAll([{ start: 0, end: Math.min(headBytes, this.#size) }]);
    if (this.#size < firstBytes) return;
    const footer = await this.#footer();
    await this.#fetchAll(bloomRanges(footer) ?? [{ start: 0, end: this.#size }]);
  }

  /** Returns the end of the file, with the whole footer if that is possible. */
  async #footer(): Promise<Uint8Array<ArrayBuffer>> {
    const tail = await this.#read(Math.max(0, this.#size - 8));
    const claimed = tail.length === 8 ? new DataView(tail.buffer).getUint32(0, true) : 0;
    const length = claimed > maxFooterBytes ? 0 : claimed + 8;
    const start = Math.max(0, this.#size - length);
    await this.#fetchAll([{ start, end: this.#size }]);
    return this.#read(start);
  }

  async #read(start: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.#size - start);
    await this.handle.read(bytes, 0, bytes.length, start);
    return bytes;
  }

  async #fetchAll(ranges: readonly Range[]): Promise<void> {
    for (const range of without(ranges, this.#have, this.#size)) await this.#fetchRange(range);
  }

  /** Fetches a range, or at first the end of the file. After a broken connection it goes on. */
  async #fetchRange(range?: Range): Promise<void> {
    const left = { start: 0, end: 0, ...range };
    try {
      await readingFrom(this.#url, () => this.#fetchNext(left), {
        progress: () => left.start,
        signal: this.#signal,
      });
    } catch (error) {
      throw this.#signal?.aborted ? this.#signal.reason : this.#described(error);
    }
  }

  /** Fetches what is left of a range, as far as the server sends it. */
  async #fetchNext(left: Range): Promise<void> {
    const isFirst = this.#tag === undefined;
    const answer = await this.#ask(isFirst ? `bytes=-${firstBytes}` : `bytes=${left.start}-${left.end - 1}`);
    const { start, end } = this.#checked(answer);
    if (isFirst) {
      Object.assign(left, { start, end });
      await this.handle.truncate(this.#size);
    }
    const got = { start, end: start };
    this.#have.push(got);
    for await (const bytes of answer.body ?? []) {
      if (got.end + bytes.length > end) throw this.#failed('sent more bytes than it announced');
      await this.handle.write(bytes, 0, bytes.length, got.end);
      got.end += bytes.length;
      if (got.start <= left.start) left.start = Math.max(left.start, got.end);
    }
    if (left.start < left.end) throw new TypeError('the answer was cut off');
  }

  #ask(range: string): Promise<Response> {
    const { origin, pathname, search } = new URL(this.#url);
    const headers = {
      Range: range,
      'Accept-Encoding': 'identity',
      ...(this.#tag !== undefined && { 'If-Match': this.#tag }),
    };
    return askServer(origin, { method: 'GET', path: pathname + search, headers, signal: this.#signal });
  }

  /** Checks the headers of an answer, and returns which part of the file it has. */
  #checked({ status, headers }: Response): Range {
    const tag = headers.get('etag');
    const [, first, last, whole] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    const size = Number(status === 206 ? whole : headers.get('content-length'));
    const part = status === 206 ? { start: Number(first), end: Number(last) + 1 } : { start: 0, end: size };
    if (tag === null || !Number.isSafeInteger(size) || !(part.start <= part.end && part.end <= size))
      throw this.#failed('does not answer like the server of a daemon: ETag, Content-Range or Content-Length is wrong');
    if (this.#tag === undefined) [this.#tag, this.#size] = [tag, size];
    if (tag !== this.#tag || size !== this.#size) throw this.#changed();
    return part;
  }

  #described(error: unknown): unknown {
    if (error instanceof ServerError)
      return error.status === 412
        ? this.#changed(error)
        : answered(error, error.status === 404 ? 'FILE_NOT_FOUND' : 'READ_FAILED');
    if (error instanceof CodedError) return error;
    return unanswered(this.#url, error as Error);
  }

  #changed(cause?: Error): CodedError {
    return storageError('FILE_CHANGED', `${this.#url} was replaced while it was read.`, {
      cause,
      hint: 'Read again. If it is replaced too often, read the artifacts behind the export: they never change.',
    });
  }

  #failed(what: string): CodedError {
    return storageError('READ_FAILED', `${this.#url} ${what}.`, {
      hint: 'Check that the address is that of the server of a daemon.',
    });
  }
}

const servedPath =
  /\/(exports\/[^/]+\.parquet|api\/v1\/tables\/[^/]+\/rows\.parquet|api\/v1\/artifacts\/[^/]+\/[^/]+\/[^/]+\/[^/]+\/file)$/;

/** The token must go only to a daemon. */
function checkUrl(url: string): void {
  if (URL.canParse(url) && servedPath.test(new URL(url).pathname)) return;
  throw storageError('OPTIONS_INVALID', `${url} is not the file of a daemon's server.`, {
    hint: 'Give https://HOST/exports/NAME.parquet, https://HOST/api/v1/tables/TABLE/rows.parquet or https://HOST/api/v1/artifacts/RUN/PRODUCER/KIND/ARTIFACT/file.',
  });
}
