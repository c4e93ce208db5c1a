import { CodedError } from '@quantbot/infra';
import { askServer, readingFrom, ServerError } from '@quantbot/infra/bus';
import { storageError } from '../errors.js';
import { answered, unanswered } from '../served-error.js';
import type { Range } from './needed-ranges.js';
import { firstBytes, RemoteFile, type RemoteOptions, replaced } from './remote-file.js';

/** A file of a daemon's server. Every request names the entity tag of the first answer. */
export class ServedFile extends RemoteFile {
  /**
   * Fetches the parts of a file that describe it.
   *
   * @throws StorageError `OPTIONS_INVALID`, `FILE_NOT_FOUND`, `ARTIFACT_FORGOTTEN`, `FILE_CHANGED`,
   * `READ_FAILED`; BusError `BUS_DENIED`.
   */
  static async open(url: string, options: RemoteOptions): Promise<ServedFile> {
    checkUrl(url);
    return RemoteFile.begin(url, options, copy => new ServedFile(url, options.signal, copy));
  }

  /** After a broken connection it goes on. */
  protected async fetchRange(range?: Range): Promise<void> {
    const left = { start: 0, end: 0, ...range };
    try {
      await readingFrom(this.url, () => this.#fetchNext(left), {
        progress: () => left.start,
        signal: this.signal,
      });
    } catch (error) {
      throw this.signal?.aborted ? this.signal.reason : this.#described(error);
    }
  }

  /** Fetches what is left of a range, as far as the server sends it. */
  async #fetchNext(left: Range): Promise<void> {
    const isFirst = this.tag === undefined;
    const answer = await this.#ask(isFirst ? `bytes=-${firstBytes}` : `bytes=${left.start}-${left.end - 1}`);
    const { start, end } = await this.#checked(answer);
    if (isFirst) Object.assign(left, { start, end });
    const got = this.beginRange(start);
    for await (const bytes of answer.body ?? []) {
      if (got.end + bytes.length > end) throw this.#failed('sent more bytes than it announced');
      await this.place(got, bytes);
      if (got.start <= left.start) left.start = Math.max(left.start, got.end);
    }
    if (left.start < left.end) throw new TypeError('the answer was cut off');
  }

  #ask(range: string): Promise<Response> {
    const { origin, pathname, search } = new URL(this.url);
    const headers = {
      Range: range,
      'Accept-Encoding': 'identity',
      ...(this.tag !== undefined && { 'If-Match': this.tag }),
    };
    return askServer(origin, { method: 'GET', path: pathname + search, headers, signal: this.signal });
  }

  /** Checks the headers of an answer, and returns which part of the file it has. */
  async #checked({ status, headers }: Response): Promise<Range> {
    const tag = headers.get('etag');
    const [, first, last, whole] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    const size = Number(status === 206 ? whole : headers.get('content-length'));
    const part = status === 206 ? { start: Number(first), end: Number(last) + 1 } : { start: 0, end: size };
    if (tag === null || !Number.isSafeInteger(size) || !(part.start <= part.end && part.end <= size))
      throw this.#failed('does not answer like the server of a daemon: ETag, Content-Range or Content-Length is wrong');
    if (!(await this.isSameVersion(tag, size))) throw replaced(this.url);
    return part;
  }

  #described(error: unknown): unknown {
    if (error instanceof ServerError)
      return error.status === 412
        ? replaced(this.url, error)
        : answered(error, error.status === 404 ? 'FILE_NOT_FOUND' : 'READ_FAILED');
    if (error instanceof CodedError) return error;
    return unanswered(this.url, error as Error);
  }

  #failed(what: string): CodedError {
    return storageError('READ_FAILED', `${this.url} ${what}.`, {
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
