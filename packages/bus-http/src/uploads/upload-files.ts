import { createHash, type Hash } from 'node:crypto';
import { constants, lstatSync, mkdirSync, rmSync, type Stats } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { busError, mustHaveRoom } from '@quantbot/infra/bus';
import { flush, syncFolder, writeFully } from '@quantbot/infra/files';
import { atMost } from '../at-most.js';
import { withFileThread } from '../file-work.js';

/** A file that is sent: its content is known beforehand. */
export interface Upload {
  sha256: string;
  bytes: number;
}

export const nameOf = ({ sha256, bytes }: Upload): string => `${sha256}-${bytes}`;

/** A part on its way to the disk. */
export interface PartToWrite {
  /** Where it begins: where the file on this machine ends. */
  start: number;
  chunks: AsyncIterable<Uint8Array>;
  /** Counts bytes before they are written; it may refuse them. */
  count?: (bytes: number) => void;
  /** Shows bytes that are written to other daemons, in pieces. */
  share?: ((start: number, piece: Uint8Array) => Promise<void>) | undefined;
}

/** A file of which a part is there. */
interface OpenFile {
  offset: number;
  /** Of the bytes before `offset`. */
  hash: Hash;
}

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
const readBytes = 1024 * 1024;
const flushBytes = 64 * 1024 * 1024;
const sharedBytes = 8 * 1024 * 1024;
/** A flush can take seconds. One at a time, so that the other thread takes what arrives. */
const oneFlush = atMost(1, Number.POSITIVE_INFINITY);
const flushed = (file: FileHandle) => oneFlush(() => withFileThread(() => flush(file.fd)));
/** Few pieces at once, because each is in memory. */
const sharing = atMost(4, Number.POSITIVE_INFINITY);

/**
 * The files below `uploads/<owner>/` of a folder. A file that is not complete ends with `.part`.
 * Only the daemon's user can reach the folder. Two calls must not write to one file at once.
 */
export class UploadFiles {
  readonly #in: string;
  readonly #open = new Map<string, OpenFile>();

  constructor(folder: string) {
    this.#in = folder;
  }

  folderOf(owner: string): string {
    return join(this.#in, 'uploads', owner);
  }

  /** Returns the path of a complete file. */
  pathOf(owner: string, upload: Upload): string {
    return join(this.folderOf(owner), nameOf(upload));
  }

  /** Returns how many bytes of a file are on this machine. */
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

  makeFolder(owner: string): string {
    const folder = this.folderOf(owner);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const path of [dirname(folder), folder])
      if (!lstatSync(path).isDirectory()) throw daemonError('NOT_A_FOLDER', `${path} is not a folder.`);
    return folder;
  }

  /** Removes a file, complete or not. */
  remove(path: string): void {
    this.#open.delete(`${path}.part`);
    for (const name of [path, `${path}.part`]) rmSync(name, { force: true });
  }

  /** Frees the memory of files that are gone. */
  forgetMissing(): void {
    for (const part of this.#open.keys()) if (sizeOf(part) === undefined) this.#open.delete(part);
  }

  /**
   * Adds bytes to a file. With the last one, the file is compared with its SHA-256, and flushed.
   *
   * @returns how many bytes are there now.
   * @throws BusError `BYTES_MISMATCH`, `CHECKSUM_MISMATCH`, `DISK_FULL`; what `count` and `share`
   * throw.
   */
  async write(owner: string, upload: Upload, { start, chunks, count, share }: PartToWrite): Promise<number> {
    const { sha256, bytes } = upload;
    const path = this.pathOf(owner, upload);
    const part = `${path}.part`;
    const file = await open(part, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      const state = this.#open.get(part) ?? { offset: start, hash: await hashOf(file, start) };
      this.#open.set(part, state);
      let unflushed = 0;
      let shared = start;
      const shareAll = async () => {
        for (; share !== undefined && shared < state.offset; )
          await sharing(async () => {
            const piece = await pieceOf(file, shared, Math.min(shared + sharedBytes, state.offset));
            await share(shared, piece);
            shared += piece.length;
          });
      };
      for await (const chunk of chunks) {
        if (state.offset + chunk.length > bytes)
          throw busError('BYTES_MISMATCH', `More than the ${bytes} bytes of the file were sent.`);
        count?.(chunk.length);
        mustHaveRoom(this.#in, chunk.length); // other open files have taken room since
        await withFileThread(() => writeFully(file, chunk, state.offset));
        state.hash.update(chunk);
        state.offset += chunk.length;
        // The last piece waits until the whole file was checked.
        if (state.offset < bytes && state.offset - shared >= sharedBytes) await shareAll();
        unflushed += chunk.length;
        if (unflushed < flushBytes) continue;
        await flushed(file); // so that the last flush takes no longer
        unflushed = 0;
      }
      if (state.offset === bytes) {
        const found = state.hash.digest('hex');
        this.#open.delete(part);
        if (found !== sha256) {
          rmSync(part);
          throw busError('CHECKSUM_MISMATCH', `The bytes that were sent have the SHA-256 ${found}, not ${sha256}.`);
        }
        await flushed(file);
        await rename(part, path);
        await syncFolder(dirname(path));
      }
      await shareAll();
      return state.offset;
    } finally {
      await file.close();
      if (this.#open.get(part)?.offset === 0) {
        this.#open.delete(part);
        rmSync(part, { force: true });
      }
    }
  }
}

/** The size of a regular file; undefined for anything else. */
function sizeOf(path: string): number | undefined {
  const info: Stats | undefined = lstatSync(path, { throwIfNoEntry: false });
  return info?.isFile() ? info.size : undefined;
}

async function pieceOf(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(end - start);
  const { bytesRead } = await file.read(piece, 0, piece.length, start);
  if (bytesRead < piece.length) throw daemonError('UPLOAD_OFFSET', `Only ${start} bytes of this file are there.`);
  return piece;
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
