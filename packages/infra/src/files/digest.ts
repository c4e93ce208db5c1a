import { createHash, hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { busError } from '../errors.js';

const chunkBytes = 1024 * 1024;

/** Size and SHA-256 of content that was read to its end. */
export interface ContentDigest {
  bytes: number;
  sha256: string;
}

/**
 * Reads an open file from its beginning to its end and hashes it, optionally writing each chunk to
 * `sink`, a new file. While a chunk is hashed, the one after it is read and itself is written.
 *
 * @throws BusError `BYTES_MISMATCH` when the file does not keep the size that it has at the
 * beginning: somebody is writing to it, and reading on would have no end.
 */
export async function digestHandle(
  source: FileHandle,
  { sink, signal }: { sink?: FileHandle | undefined; signal?: AbortSignal | undefined } = {},
): Promise<ContentDigest> {
  const sha256 = createHash('sha256');
  const { size } = await source.stat();
  const length = Math.max(1, Math.min(size + 1, chunkBytes));
  const read = (buffer: Buffer, position: number) => {
    const reading = source.read(buffer, 0, length, position);
    reading.catch(() => {}); // whoever waits for it hears of it
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
  if (bytes !== size || (await source.stat()).size !== size)
    throw busError('BYTES_MISMATCH', `The file changed its size of ${size} bytes while it was read.`);
  return { bytes, sha256: sha256.digest('hex') };
}

/** Size and SHA-256 of what is in memory. */
export const digestOf = (content: Uint8Array): ContentDigest => ({
  bytes: content.byteLength,
  sha256: hash('sha256', content),
});

/** Size and SHA-256 of a file. */
export async function digestFile(path: string): Promise<ContentDigest> {
  const handle = await open(path, 'r');
  try {
    return await digestHandle(handle);
  } finally {
    await handle.close();
  }
}

const zeros = Buffer.alloc(chunkBytes);

/**
 * Whether a whole chunk is zeros. A hole in its place reads the same: what takes no room in a
 * sparse file takes none in its copy.
 */
const isHole = (chunk: Buffer): boolean => chunk.length === chunkBytes && chunk.equals(zeros);

async function writeFully(target: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await target.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
