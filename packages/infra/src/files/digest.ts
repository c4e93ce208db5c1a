import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { busError } from '../errors.js';
import { readSmall, smallFileBytes } from './read-small.js';
import { writeNewFile } from './write.js';

const chunkBytes = 1024 * 1024;

/** Size and SHA-256 of some content. */
export interface ContentDigest {
  bytes: number;
  sha256: string;
}

/** Receives the number of bytes just read. Reading continues when the promise resolves. */
export type Pace = (bytes: number) => Promise<void>;

/**
 * Reads an open file from start to end and hashes it. Optionally writes each chunk to `sink`, a new
 * file. It reads the next chunk and writes the last one while it hashes.
 *
 * @param options.expectedBytes the size that was checked. A sparse file can grow by a terabyte in a
 * moment.
 * @throws BusError `BYTES_MISMATCH` if the size changes: a program is writing to the file, and
 * reading might never end.
 */
export async function digestHandle(
  source: FileHandle,
  {
    sink,
    signal,
    pace,
    expectedBytes,
  }: {
    sink?: FileHandle | undefined;
    signal?: AbortSignal | undefined;
    pace?: Pace | undefined;
    expectedBytes?: number | undefined;
  } = {},
): Promise<ContentDigest> {
  const sha256 = createHash('sha256');
  const { size } = await source.stat();
  const expected = expectedBytes ?? size;
  if (size !== expected) throw sizeChanged(expected);
  const length = Math.max(1, Math.min(size + 1, chunkBytes));
  const read = (buffer: Buffer, position: number) => {
    const reading = source.read(buffer, 0, length, position);
    reading.catch(() => {}); // its awaiter gets the error
    return reading;
  };
  let [current, other] = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
  let bytes = 0;
  let endsInHole = false;
  let reading = read(current, 0);
  for (;;) {
    const { bytesRead } = await reading;
    signal?.throwIfAborted();
    if (bytesRead === 0 || bytes + bytesRead > size) break;
    await pace?.(bytesRead);
    const chunk = current.subarray(0, bytesRead);
    reading = read(other, bytes + bytesRead);
    endsInHole = sink !== undefined && isHole(chunk);
    const writing = sink === undefined || endsInHole ? undefined : writeFully(sink, chunk, bytes);
    sha256.update(chunk);
    await writing;
    bytes += bytesRead;
    [current, other] = [other, current];
  }
  if (endsInHole) await sink?.truncate(bytes);
  if (bytes !== size || (await source.stat()).size !== size) throw sizeChanged(size);
  return { bytes, sha256: sha256.digest('hex') };
}

const sizeChanged = (bytes: number) =>
  busError('BYTES_MISMATCH', `The file had ${bytes} bytes, and its size changed while it was read.`);

/** Returns size and SHA-256 of bytes in memory. */
export const digestOf = (content: Uint8Array): ContentDigest => ({
  bytes: content.byteLength,
  sha256: hash('sha256', content),
});

/** Returns size and SHA-256 of a file. A FIFO or a device is empty, and is not read. */
export async function digestFile(path: string, pace?: Pace): Promise<ContentDigest> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = await handle.stat();
    const isRead = info.isFile() || info.isDirectory(); // which fails with EISDIR
    return isRead ? await digestHandle(handle, { pace }) : digestOf(new Uint8Array());
  } finally {
    await handle.close();
  }
}

let scratch: Buffer | undefined;

/**
 * {@link digestFile} by synchronous calls, which take a third of the processor time. Returns
 * undefined for a large file, and for anything but a regular file.
 */
export function digestSmallFile(path: string): ContentDigest | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = fstatSync(file);
    if (!info.isFile() || info.size > smallFileBytes) return undefined;
    scratch ??= Buffer.allocUnsafeSlow(smallFileBytes + 1);
    return digestOf(readSmall(file, path, smallFileBytes, scratch));
  } finally {
    closeSync(file);
  }
}

/** Copies a small open file into a new one, and hashes it, by synchronous calls. */
export function copySmall(source: number, name: string, to: string): ContentDigest {
  scratch ??= Buffer.allocUnsafeSlow(smallFileBytes + 1);
  const content = readSmall(source, name, smallFileBytes, scratch);
  writeNewFile(to, content);
  return digestOf(content);
}

const zeros = Buffer.alloc(chunkBytes);

/** Whether a chunk is all zeros. Writing a hole instead keeps the copy of a sparse file sparse. */
const isHole = (chunk: Buffer): boolean => chunk.length === chunkBytes && chunk.equals(zeros);

/** Writes all bytes of a chunk at a position of a file. */
export async function writeFully(target: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await target.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
