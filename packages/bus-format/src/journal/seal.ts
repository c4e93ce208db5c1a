import { createHash, hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isNotRegular, type Pace, systemErrorCode } from '@quantbot/infra/files';

/** The state of a file of the daemon. `unsealed`: an earlier version wrote it without a seal. */
export type SealState = 'sound' | 'unsealed' | 'rotten' | 'missing';

const blankDigest = '0'.repeat(64);

/**
 * The key-value metadata of a Parquet file that will be sealed. The digest is that of the whole
 * file with zeros in its place, so it needs no second file and no further flush. There are two
 * marks: losing one does not make the file look unsealed.
 */
export const sealMetadata: Readonly<Record<string, string>> = {
  'quantbot.sealed': '1',
  'quantbot.sha256': blankDigest,
};

/** Returns a key and its value's length prefix in Thrift's compact protocol. */
const framed = (key: string, valueBytes: number): Buffer =>
  Buffer.concat([Buffer.from([0x18, key.length]), Buffer.from(key), Buffer.from([0x18, valueBytes])]);
const digestMark = framed('quantbot.sha256', blankDigest.length);
const sealedMark = framed('quantbot.sealed', 1);
/** The length of the footer and the magic bytes. */
const tailBytes = 8;
const chunkBytes = 1024 * 1024;

/** Seals the bytes of a Parquet file that has {@link sealMetadata}, in place. */
export function sealBytes(file: Uint8Array): Uint8Array {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const at = bytes.lastIndexOf(digestMark);
  if (at < 0) throw new Error('A file without a place for its digest cannot be sealed.');
  bytes.write(hash('sha256', file), at + digestMark.length, 'latin1');
  return file;
}

/** {@link sealBytes} for a file. The caller flushes it. */
export async function sealFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const footer = await footerOf(handle);
    const at = footer?.digestAt;
    if (at === undefined) throw new Error(`${path} has no place for its digest and cannot be sealed.`);
    await handle.write(await digestWithBlank(handle, at), at, 'latin1');
  } finally {
    await handle.close();
  }
}

/**
 * Compares a file with its own digest, and reads it no faster than `pace` allows. Throws errors of
 * the machine.
 */
export async function checkSeal(path: string, pace?: Pace): Promise<SealState> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 'missing';
    if (isNotRegular(error) || systemErrorCode(error) === 'ENOTDIR') return 'rotten';
    throw error;
  }
  try {
    const footer = (await handle.stat()).isFile() ? await footerOf(handle) : undefined;
    if (footer === undefined) return 'rotten';
    const { digestAt } = footer;
    if (digestAt === undefined) return footer.isMarked ? 'rotten' : 'unsealed';
    if (!footer.isMarked) return 'rotten';
    const written = Buffer.alloc(blankDigest.length);
    await handle.read(written, 0, written.length, digestAt);
    return written.toString('latin1') === (await digestWithBlank(handle, digestAt, pace)) ? 'sound' : 'rotten';
  } finally {
    await handle.close();
  }
}

/** Finds the digest of a Parquet file and whether it is sealed; undefined if it is not Parquet. */
async function footerOf(handle: FileHandle): Promise<{ digestAt: number | undefined; isMarked: boolean } | undefined> {
  const { size } = await handle.stat();
  const tail = Buffer.alloc(tailBytes);
  if (size < tailBytes + 4) return undefined;
  await handle.read(tail, 0, tailBytes, size - tailBytes);
  const length = tail.readUInt32LE(0);
  if (tail.toString('latin1', 4) !== 'PAR1' || length > size - tailBytes - 4) return undefined;
  const footer = Buffer.allocUnsafe(length);
  const start = size - tailBytes - length;
  await handle.read(footer, 0, length, start);
  // Use the last match: key-value metadata follows the statistics, which contain producers' data.
  const at = footer.lastIndexOf(digestMark);
  return {
    digestAt: at < 0 ? undefined : start + at + digestMark.length,
    isMarked: footer.lastIndexOf(sealedMark) >= 0,
  };
}

async function digestWithBlank(handle: FileHandle, blankAt: number, pace?: Pace): Promise<string> {
  const sha256 = createHash('sha256');
  const { size } = await handle.stat();
  const buffer = Buffer.allocUnsafe(Math.min(size + 1, chunkBytes));
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return sha256.digest('hex');
    await pace?.(bytesRead);
    const from = Math.max(blankAt, position);
    const to = Math.min(blankAt + blankDigest.length, position + bytesRead);
    if (from < to) buffer.fill('0', from - position, to - position);
    sha256.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
