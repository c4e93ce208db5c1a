import type { Bucket } from '@quantbot/infra/objects';
import { waitFor } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import type { Range } from './needed-ranges.js';
import { firstBytes, RemoteFile, type RemoteOptions, replaced } from './remote-file.js';
import { missingError, placeOf, readError } from './s3-bucket.js';

/** The largest part that is held in memory. */
const partBytes = 8 * 1024 * 1024;

/** An object of an S3 server. */
export class S3File extends RemoteFile {
  #bucket: Bucket | undefined;

  /**
   * Fetches the parts of an object that describe it.
   *
   * @throws StorageError `FILE_NOT_FOUND`, `ARTIFACT_FORGOTTEN`, `FILE_CHANGED`, `READ_FAILED`;
   * BusError `OBJECT_STORE_DENIED`, `OBJECT_CLIENT_MISSING`.
   */
  static async open(url: string, options: RemoteOptions & { bucket: Bucket }): Promise<S3File> {
    return RemoteFile.begin(url, options, copy => {
      const file = new S3File(url, options.signal, copy);
      file.#bucket = options.bucket;
      return file;
    });
  }

  protected async fetchRange(range?: Range): Promise<void> {
    if (range === undefined) return this.#fetchPart({ last: firstBytes });
    for (let { start } = range; start < range.end; start += partBytes)
      await this.#fetchPart({ start, end: Math.min(range.end, start + partBytes) });
  }

  async #fetchPart(asked: Range | { last: number }): Promise<void> {
    const { bytes, offset, size, tag } = await this.#read(asked);
    if (!(await this.isSameVersion(tag, size))) throw replaced(this.url);
    if ('start' in asked && (offset > asked.start || offset + bytes.length < asked.end))
      throw storageError('READ_FAILED', `${this.url} cannot be read: the object store sent another part of it.`);
    await this.place(this.beginRange(offset), bytes);
  }

  async #read(asked: Range | { last: number }) {
    this.signal?.throwIfAborted();
    const answer = (this.#bucket as Bucket).readPart(placeOf(this.url).key, asked);
    try {
      await waitFor(answer, this.signal);
    } catch (error) {
      throw this.signal?.aborted ? this.signal.reason : readError(this.url, error);
    }
    const part = await answer;
    if (part === undefined) throw this.tag === undefined ? await missingError(this.url) : replaced(this.url);
    return part;
  }
}
