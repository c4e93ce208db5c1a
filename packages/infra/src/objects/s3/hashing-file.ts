import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import type { ContentDigest } from '../../files/digest.js';

/** A local file that hashes what is written to it. */
export class HashingFile extends Writable {
  readonly #file: number;
  readonly #mayHold: (bytes: number) => void;
  readonly #sha256 = createHash('sha256');
  #bytes = 0;

  /**
   * @param mayHold may refuse a size by throwing, before that many bytes are written.
   * @throws system errors: `EEXIST` with the flag `wx`.
   */
  constructor(path: string, flags: 'wx' | 'w', mayHold: (bytes: number) => void) {
    super({ highWaterMark: 1024 * 1024 });
    this.#mayHold = mayHold;
    this.#file = openSync(path, flags);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    try {
      this.#mayHold(this.#bytes + chunk.length);
      for (let written = 0; written < chunk.length; ) written += writeSync(this.#file, chunk, written);
      this.#sha256.update(chunk);
      this.#bytes += chunk.length;
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    closeSync(this.#file);
    done(error);
  }

  /** Size and hash of the file, once everything is written. */
  digest(): ContentDigest {
    return { bytes: this.#bytes, sha256: this.#sha256.digest('hex') };
  }
}
