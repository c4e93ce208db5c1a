import type { FileHandle } from 'node:fs/promises';
import { busError } from '@quantbot/infra/bus';

/** Smaller files are cheap to read, sparse or not. */
const harmlessBytes = 16 * 1024 * 1024;
const blockBytes = 512;
const samples = 64;
const sampleBytes = 4096;
/** Real data has pages of zeros too, but not only those. */
const emptyShare = 0.9;

/**
 * Refuses a file that consists of holes: reading it costs its full size, and its producer nothing.
 *
 * A file system that compresses, or counts blocks late, also reports few blocks. So the file is
 * sampled before it is refused.
 *
 * @param maxRatio the largest ratio of size to bytes on the disk.
 * @throws BusError `SPARSE_FILE`.
 */
export async function refuseSparse(handle: FileHandle, relpath: string, maxRatio: number): Promise<void> {
  const { size, blocks } = await handle.stat();
  const onDisk = blocks * blockBytes;
  if (size <= harmlessBytes || size <= onDisk * maxRatio) return;
  if ((await emptySamples(handle, size)) < samples * emptyShare) return;
  throw busError(
    'SPARSE_FILE',
    `${relpath} has a size of ${size} bytes, but only ${onDisk} bytes on disk; the rest are holes.`,
  );
}

async function emptySamples(handle: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(sampleBytes);
  const zeros = Buffer.alloc(sampleBytes);
  let empty = 0;
  for (let i = 0; i < samples; i++) {
    // Sample a random place in each of 64 equal parts, so that no file can prepare for it.
    const at = Math.floor(((i + Math.random()) * (size - sampleBytes)) / samples);
    const { bytesRead } = await handle.read(buffer, 0, sampleBytes, at);
    if (buffer.subarray(0, bytesRead).equals(zeros.subarray(0, bytesRead))) empty++;
  }
  return empty;
}
