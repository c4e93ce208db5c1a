import type { FileHandle } from 'node:fs/promises';
import { busError } from '@quantbot/infra';

/** Less is read in no time, whether it is there or not. */
const harmlessBytes = 16 * 1024 * 1024;
const blockBytes = 512;
const samples = 64;
const sampleBytes = 4096;
/** Data has pages of zeros, too, but not only them. */
const emptyShare = 0.9;

/**
 * Refuses a file that consists of holes: reading and copying it costs its size, and its producer
 * nothing.
 *
 * A file system that compresses, or counts blocks late, also reports few blocks. Therefore the file
 * is sampled before it is refused.
 *
 * @param maxRatio how many times its bytes on the disk a file may have.
 * @throws BusError `SPARSE_FILE`.
 */
export async function refuseSparse(handle: FileHandle, relpath: string, maxRatio: number): Promise<void> {
  const { size, blocks } = await handle.stat();
  const onDisk = blocks * blockBytes;
  if (size <= harmlessBytes || size <= onDisk * maxRatio) return;
  if ((await emptySamples(handle, size)) < samples * emptyShare) return;
  throw busError('SPARSE_FILE', `${relpath} claims ${size} bytes and has ${onDisk} on the disk; the rest are holes.`);
}

async function emptySamples(handle: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(sampleBytes);
  const zeros = Buffer.alloc(sampleBytes);
  let empty = 0;
  for (let i = 0; i < samples; i++) {
    // One at a random place of each of 64 equal parts: no file can put its data just there.
    const at = Math.floor(((i + Math.random()) * (size - sampleBytes)) / samples);
    const { bytesRead } = await handle.read(buffer, 0, sampleBytes, at);
    if (buffer.subarray(0, bytesRead).equals(zeros.subarray(0, bytesRead))) empty++;
  }
  return empty;
}
