import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import type { AnnouncedPart, SharedUploads } from '@quantbot/bus-format/state';
import { BusError } from '@quantbot/infra';
import { busError, mustHaveRoom } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { systemErrorCode } from '@quantbot/infra/files';
import { DailyBytes } from './daily-bytes.js';
import { nameOf, type Upload, UploadFiles } from './upload-files.js';

/** Parts of a request that brings bytes of a file. */
export interface UploadPart extends AnnouncedPart {
  chunks: AsyncIterable<Uint8Array>;
}

const tidyMs = 60_000;

/**
 * The files that programs send over HTTP, until their jobs are submitted. Owners do not see the
 * files of each other: whoever knows a hash does not get the content by it.
 *
 * In a cluster, all daemons share them: `shared` knows how much of a file is there, and has the
 * bytes. A daemon works on a copy in its folder, and first fetches what others have taken.
 */
export class Uploads {
  readonly #config: BusConfig;
  readonly #in: string;
  readonly #files: UploadFiles;
  readonly #shared: SharedUploads | undefined;
  readonly #day = new DailyBytes();
  /** The files that a request is writing to. */
  readonly #busy = new Set<string>();
  /**
   * By folder, the files that may be there. Some are gone: their jobs took them, or `gc` did. So
   * this is read from the disk again before a limit refuses a file.
   */
  readonly #names = new Map<string, Set<string>>();
  readonly #timer: NodeJS.Timeout;

  /**
   * @param options.folder its disk takes the files, below `uploads/`.
   * @param options.shared those of a cluster. Old ones are removed until `close`; on one machine,
   * `gc` removes them.
   */
  constructor(config: BusConfig, { folder, shared }: { folder: string; shared?: SharedUploads | undefined }) {
    this.#config = config;
    this.#in = folder;
    this.#files = new UploadFiles(folder);
    this.#shared = shared;
    let isTidying = false;
    this.#timer = setInterval(async () => {
      if (isTidying) return;
      isTidying = true;
      await this.tidy().catch(() => {}); // the next round tries again
      isTidying = false;
    }, tidyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Returns how many bytes of a file are there, and fetches them, since their sender goes on here:
   * a request that brings bytes may take a minute only.
   */
  async offsetToGoOn(owner: string, upload: Upload): Promise<number> {
    const offset = await this.offsetOf(owner, upload);
    const isOpen = offset > 0 && offset < upload.bytes && !this.#busy.has(this.pathOf(owner, upload));
    if (isOpen) await this.#alone(owner, upload, () => this.#fetch(owner, upload, offset));
    return offset;
  }

  /** Returns how many bytes of a file are there. */
  async offsetOf(owner: string, upload: Upload): Promise<number> {
    return this.#shared?.received(owner, nameOf(upload)) ?? this.#files.offsetOf(owner, upload);
  }

  /** Returns the path of a complete file. */
  pathOf(owner: string, upload: Upload): string {
    return this.#files.pathOf(owner, upload);
  }

  /** Whether a file is complete. It is then at its path. @throws DaemonError `UPLOAD_BUSY`. */
  async isComplete(owner: string, upload: Upload): Promise<boolean> {
    const offset = await this.offsetOf(owner, upload);
    if (offset < upload.bytes) return false;
    await this.#alone(owner, upload, () => this.#fetch(owner, upload, offset));
    return true;
  }

  /** Forgets a file that a job has taken. */
  async drop(owner: string, upload: Upload): Promise<void> {
    await this.#shared?.remove(owner, nameOf(upload));
  }

  /**
   * Adds bytes to a file. What has arrived stays if the connection breaks.
   *
   * @returns how many bytes are there now. With the last one, the file is flushed.
   * @throws BusError `CHECKSUM_MISMATCH`, `TOO_LARGE`, `DISK_FULL`; DaemonError `UPLOAD_BUSY`,
   * `UPLOAD_OFFSET`, `UPLOAD_LIMIT`.
   */
  async add(owner: string, upload: Upload, part: UploadPart): Promise<number> {
    return this.#alone(owner, upload, async () => {
      const offset = await this.#begin(owner, upload, part);
      if (offset !== part.start) throw daemonError('UPLOAD_OFFSET', `${offset} bytes of this file are there.`);
      return offset === upload.bytes ? offset : this.#take(owner, upload, part);
    });
  }

  /** Works on a file that no other request of this daemon works on. */
  async #alone<T>(owner: string, upload: Upload, work: () => Promise<T>): Promise<T> {
    const path = this.pathOf(owner, upload);
    if (this.#busy.has(path)) throw daemonError('UPLOAD_BUSY', 'Another request is sending this file.');
    this.#busy.add(path);
    try {
      return await work();
    } catch (error) {
      if (['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? ''))
        throw busError('DISK_FULL', `The disk of ${this.#in} is full.`, { cause: error });
      if (error instanceof BusError && error.code === 'CHECKSUM_MISMATCH') await this.drop(owner, upload);
      throw error;
    } finally {
      this.#busy.delete(path);
    }
  }

  /** Checks the limits, and returns how many bytes are there. */
  async #begin(owner: string, upload: Upload, part: AnnouncedPart): Promise<number> {
    const offset = await this.offsetOf(owner, upload);
    if (offset !== part.start || offset === upload.bytes) return offset;
    if (offset === 0) this.#checkNew(owner, upload);
    return this.#shared?.begin(owner, nameOf(upload), part, this.#config.http.uploads) ?? offset;
  }

  async #take(owner: string, upload: Upload, part: UploadPart): Promise<number> {
    const shared = this.#shared;
    let announced = part.bytes;
    try {
      await this.#fetch(owner, upload, part.start);
      return await this.#files.write(owner, upload, {
        ...part,
        count: bytes => {
          announced -= bytes;
          if (announced < 0) throw busError('BYTES_MISMATCH', `More than ${part.bytes} bytes were sent in one part.`);
          if (shared === undefined) this.#day.take(owner, bytes, this.#config.http.uploads.maxBytesPerDay);
        },
        share: shared && ((start, piece) => shared.put(owner, nameOf(upload), start, piece)),
      });
    } finally {
      if (announced > 0) await shared?.giveBack(owner, announced);
    }
  }

  /**
   * Fetches what other daemons have taken, up to `end`. On one machine, all is here.
   *
   * @throws DaemonError `UPLOAD_OFFSET` if bytes are missing. The file then begins anew.
   */
  async #fetch(owner: string, upload: Upload, end: number): Promise<void> {
    if (this.#shared === undefined) return;
    this.#files.makeFolder(owner);
    // Others have removed the file and begun it anew, or a piece could not be shared.
    if (this.#files.offsetOf(owner, upload) > end) this.#files.remove(this.pathOf(owner, upload));
    const start = this.#files.offsetOf(owner, upload);
    if (start === end) return;
    const chunks = this.#shared.read(owner, nameOf(upload), start, end);
    if ((await this.#files.write(owner, upload, { start, chunks })) === end) return;
    await this.drop(owner, upload);
    throw daemonError('UPLOAD_OFFSET', '0 bytes of this file are there.');
  }

  #checkNew(owner: string, upload: Upload): void {
    const { bytes } = upload;
    const { limits, http } = this.#config;
    if (bytes > limits.maxArtifactBytes)
      throw busError('TOO_LARGE', `The file has ${bytes} bytes; ${limits.maxArtifactBytes} are allowed.`);
    const folder = this.#files.makeFolder(owner);
    if (this.#shared === undefined) this.#checkOpen(folder, nameOf(upload), http.uploads.maxOpen);
    mustHaveRoom(this.#in, bytes);
  }

  #checkOpen(folder: string, name: string, maxOpen: number): void {
    const known = this.#names.get(folder);
    const names = known === undefined || known.size >= maxOpen ? this.#namesIn(folder) : known;
    names.add(name);
    if (names.size > maxOpen)
      throw daemonError('UPLOAD_LIMIT', `${maxOpen} files are open, which is the limit of a token.`);
  }

  #namesIn(folder: string): Set<string> {
    const names = new Set(readdirSync(folder).map(withoutPart));
    for (const path of this.#busy) if (dirname(path) === folder) names.add(basename(path));
    this.#names.set(folder, names);
    return names;
  }

  /** Removes files that nobody has sent anything of for long, and copies of files that are gone. */
  async tidy(): Promise<void> {
    this.#files.forgetMissing();
    if (this.#shared === undefined) return;
    await this.#shared.tidy(this.#config.gc.keepUnfinishedMs);
    for (const owner of await readdir(join(this.#in, 'uploads'))) {
      const folder = this.#files.folderOf(owner);
      const copies = new Set((await readdir(folder)).map(withoutPart)); // before the look at what there is
      const files = await this.#shared.filesOf(owner);
      for (const name of copies) {
        const path = join(folder, name);
        if (!files.has(name) && !this.#busy.has(path)) this.#files.remove(path);
      }
    }
  }
}

const withoutPart = (name: string): string => name.replace(/\.part$/, '');
