import { createHash, type Hash } from 'node:crypto';
import { constants, lstatSync, mkdirSync, readdirSync, rmSync, type Stats } from 'node:fs';
import { type FileHandle, open, opendir, readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { busError, mustHaveRoom } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { flush, syncFolder, systemErrorCode, writeFully } from '@quantbot/infra/files';
import { atMost } from '../at-most.js';
import { withFileThread } from '../file-work.js';
import { DailyBytes } from './daily-bytes.js';

/** A file that is sent: its content is known beforehand. */
export interface Upload {
  sha256: string;
  bytes: number;
}

/** Parts of a request that brings bytes of a file. */
export interface UploadPart {
  /** Where they begin. */
  start: number;
  chunks: AsyncIterable<Uint8Array>;
}

/** A file of which a part is there. */
interface OpenUpload {
  offset: number;
  /** Of the bytes before `offset`. */
  hash: Hash;
}

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
const readBytes = 1024 * 1024;
const flushBytes = 64 * 1024 * 1024;
const tidyMs = 60_000;
/** A flush can take seconds. One at a time, so that the other thread takes what arrives. */
const oneFlush = atMost(1, Number.POSITIVE_INFINITY);
const flushed = (file: FileHandle) => oneFlush(() => withFileThread(() => flush(file.fd)));

/**
 * The files that programs send over HTTP, in `uploads/<owner>/` of a folder. A file that is not
 * complete ends with `.part`. Only the daemon's user can reach the folder. Owners do not see the
 * files of each other: whoever knows a hash does not get the content by it.
 */
export class Uploads {
  readonly #config: BusConfig;
  readonly #in: string;
  readonly #keepMs: number | undefined;
  readonly #day = new DailyBytes();
  readonly #open = new Map<string, OpenUpload>();
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
   * @param options.keepMs how long to keep a file that nobody goes on with; undefined: until `gc`
   * removes it. A timer looks for them until `close`.
   */
  constructor(config: BusConfig, { folder, keepMs }: { folder: string; keepMs?: number | undefined }) {
    this.#config = config;
    this.#in = folder;
    this.#keepMs = keepMs;
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

  /** Returns how many bytes of a file are there. */
  offsetOf(owner: string, upload: Upload): number {
    if (sizeOf(this.pathOf(owner, upload)) !== undefined) return upload.bytes;
    const part = `${this.pathOf(owner, upload)}.part`;
    const size = sizeOf(part) ?? 0;
    const known = this.#open.get(part)?.offset;
    if (known !== undefined && known <= size) return known;
    this.#open.delete(part); // the file was removed, or exchanged
    // The daemon ended before it checked a whole file: with its last byte, it is checked.
    return Math.min(size, upload.bytes - 1);
  }

  /** Returns the path of a complete file. */
  pathOf(owner: string, { sha256, bytes }: Upload): string {
    return join(this.#folderOf(owner), `${sha256}-${bytes}`);
  }

  /**
   * Adds bytes to a file. What has arrived stays if the connection breaks.
   *
   * @returns how many bytes are there now. With the last one, the file is flushed.
   * @throws BusError `CHECKSUM_MISMATCH`, `TOO_LARGE`, `DISK_FULL`; DaemonError `UPLOAD_BUSY`,
   * `UPLOAD_OFFSET`, `UPLOAD_LIMIT`.
   */
  async add(owner: string, upload: Upload, part: UploadPart): Promise<number> {
    const path = this.pathOf(owner, upload);
    if (this.#busy.has(path)) throw daemonError('UPLOAD_BUSY', 'Another request is sending this file.');
    this.#busy.add(path);
    try {
      const offset = this.offsetOf(owner, upload);
      if (offset !== part.start) throw daemonError('UPLOAD_OFFSET', `${offset} bytes of this file are there.`);
      if (offset === upload.bytes) return offset;
      if (offset === 0) this.#checkNew(owner, upload);
      const count = (bytes: number) => this.#day.take(owner, bytes, this.#config.http.uploads.maxBytesPerDay);
      return await this.#write(path, upload, part, count);
    } catch (error) {
      if (['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? ''))
        throw busError('DISK_FULL', `The disk of ${this.#in} is full.`, { cause: error });
      throw error;
    } finally {
      this.#busy.delete(path);
    }
  }

  #checkNew(owner: string, upload: Upload): void {
    const { bytes } = upload;
    const { limits, http } = this.#config;
    if (bytes > limits.maxArtifactBytes)
      throw busError('TOO_LARGE', `The file has ${bytes} bytes; ${limits.maxArtifactBytes} are allowed.`);
    const folder = this.#folderOf(owner);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const path of [dirname(folder), folder])
      if (!lstatSync(path).isDirectory()) throw daemonError('NOT_A_FOLDER', `${path} is not a folder.`);
    const { maxOpen } = http.uploads;
    const known = this.#names.get(folder);
    const names = known === undefined || known.size >= maxOpen ? this.#namesIn(folder) : known;
    names.add(basename(this.pathOf(owner, upload)));
    if (names.size > maxOpen)
      throw daemonError('UPLOAD_LIMIT', `${maxOpen} files are open, which is the limit of a token.`);
    mustHaveRoom(this.#in, bytes);
  }

  #namesIn(folder: string): Set<string> {
    const names = new Set(readdirSync(folder).map(name => name.replace(/\.part$/, '')));
    for (const path of this.#busy) if (dirname(path) === folder) names.add(basename(path));
    this.#names.set(folder, names);
    return names;
  }

  /** Removes files of all owners that nobody has sent anything of for long. */
  async tidy(): Promise<void> {
    for (const part of this.#open.keys()) if (sizeOf(part) === undefined) this.#open.delete(part);
    if (this.#keepMs === undefined) return;
    const uploads = join(this.#in, 'uploads');
    for (const owner of await readdir(uploads)) {
      // Entry by entry, so that many files take neither memory nor the thread.
      for await (const { name } of await opendir(join(uploads, owner))) {
        const path = join(uploads, owner, name);
        const info = lstatSync(path, { throwIfNoEntry: false });
        if (info === undefined || info.mtimeMs >= Date.now() - this.#keepMs) continue;
        if (!this.#busy.has(path.replace(/\.part$/, ''))) rmSync(path, { force: true });
      }
    }
  }

  async #write(
    path: string,
    { sha256, bytes }: Upload,
    { start, chunks }: UploadPart,
    count: (bytes: number) => void,
  ): Promise<number> {
    const part = `${path}.part`;
    const file = await open(part, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      const state = this.#open.get(part) ?? { offset: start, hash: await hashOf(file, start) };
      this.#open.set(part, state);
      let unflushed = 0;
      for await (const chunk of chunks) {
        if (state.offset + chunk.length > bytes)
          throw busError('BYTES_MISMATCH', `More than the ${bytes} bytes of the file were sent.`);
        count(chunk.length);
        mustHaveRoom(this.#in, chunk.length); // other open files have taken room since
        await withFileThread(() => writeFully(file, chunk, state.offset));
        state.hash.update(chunk);
        state.offset += chunk.length;
        unflushed += chunk.length;
        if (unflushed < flushBytes) continue;
        await flushed(file); // so that the last flush takes no longer
        unflushed = 0;
      }
      if (state.offset < bytes) return state.offset;
      const found = state.hash.digest('hex');
      this.#open.delete(part);
      if (found !== sha256) {
        rmSync(part);
        throw busError('CHECKSUM_MISMATCH', `The bytes that were sent have the SHA-256 ${found}, not ${sha256}.`);
      }
      await flushed(file);
      await rename(part, path);
      await syncFolder(dirname(path));
      return bytes;
    } finally {
      await file.close();
      if (this.#open.get(part)?.offset === 0) {
        this.#open.delete(part);
        rmSync(part, { force: true });
      }
    }
  }

  #folderOf(owner: string): string {
    return join(this.#in, 'uploads', owner);
  }
}

/** The size of a regular file; undefined for anything else. */
function sizeOf(path: string): number | undefined {
  const info: Stats | undefined = lstatSync(path, { throwIfNoEntry: false });
  return info?.isFile() ? info.size : undefined;
}

/** Hashes the bytes that an earlier daemon has taken. */
async function hashOf(file: FileHandle, length: number): Promise<Hash> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(length, readBytes));
  for (let position = 0; position < length; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - position), position);
    if (bytesRead === 0) throw daemonError('UPLOAD_OFFSET', `Only ${position} bytes of this file are there.`);
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return hash;
}
