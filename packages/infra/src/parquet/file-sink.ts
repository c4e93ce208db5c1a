import type { FileHandle } from 'node:fs/promises';
import type { ByteSink } from 'parquetjs-lite';

/**
 * The sink of parquetjs-lite, which does not await all of its writes. A failed write would end the
 * process as an unhandled rejection. Here every write seems to succeed, and the caller asks for the
 * first failure.
 */
export class FileSink implements ByteSink {
  readonly #handle: FileHandle;
  #last: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.#last = this.#last.then(() => this.#append(bytes)).then(done);
  }

  end(done: () => void): void {
    this.#last = this.#last.then(done);
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await this.#handle.writeFile(bytes); // all of it, from the current position
    } catch (error) {
      this.#failure = { error };
    }
  }
}
