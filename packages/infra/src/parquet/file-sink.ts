import type { FileHandle } from 'node:fs/promises';
import type { ByteSink } from 'parquetjs-lite';

/**
 * Where parquetjs-lite writes to. It does not await all of its writes, so one that fails (a full
 * disk) would end the process as an unhandled rejection: here every write seems to succeed, and the
 * first failure is kept for the caller to ask for.
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
      await this.#handle.writeFile(bytes); // from the current position on, all of it
    } catch (error) {
      this.#failure = { error };
    }
  }
}
