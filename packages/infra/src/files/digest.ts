import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { busError } from '../errors.js';

const chunkBytes = 1024 * 1024;

/** Size and SHA-256 of content that was read to its end. */
export interface ContentDigest {
  bytes: number;
  sha256: string;
}

/**
 * Reads an open file from its beginning to its end and hashes it, optionally writing each chunk to `sink`.
 *
 * @throws BusError `BYTES_MISMATCH` when the file does not keep the size that it has at the beginning: somebody is writing to it, and
 * reading on would have no end.
 */
export async function digestHandle(
  source: FileHandle,
  { sink, signal }: { sink?: FileHandle | undefined; signal?: AbortSignal | undefined } = {},
): Promise<ContentDigest> {
  const hash = createHash('sha256');
  const { size } = await source.stat();
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(size + 1, chunkBytes)));
  let bytes = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, buffer.length, bytes);
    if (bytesRead === 0 || bytes + bytesRead > size) break;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    if (sink !== undefined) await writeFully(sink, chunk, bytes);
    bytes += bytesRead;
  }
  if (bytes !== size || (await source.stat()).size !== size)
    throw busError('BYTES_MISMATCH', `The file changed its size of ${size} bytes while it was read.`);
  return { bytes, sha256: hash.digest('hex') };
}

/** Size and SHA-256 of what is in memory. */
export const digestOf = (content: Uint8Array): ContentDigest => ({
  bytes: content.byteLength,
  sha256: createHash('sha256').update(content).digest('hex'),
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

async function writeFully(target: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await target.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
