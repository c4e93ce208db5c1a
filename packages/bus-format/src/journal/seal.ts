import { createHash, hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { relative } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { isNotRegular, type Pace, systemErrorCode } from '@quantbot/infra/files';

/** The state of a file of the daemon. `unsealed`: an earlier version wrote it without a seal. */
export type SealState = 'sound' | 'unsealed' | 'rotten' | 'missing';

const blankDigest = '0'.repeat(64);

/**
 * The key-value metadata of a Parquet file that will be sealed. The digest is that of the whole
 * file with zeros in its place, so it needs no second file and no further flush. There are two
 * marks: losing one does not make the file look unsealed. The third is the SHA-256 of the file's
 * place, so that a sound file in the place of another one is found.
 */
export const sealMetadata: Readonly<Record<string, string>> = {
  'quantbot.sealed': '1',
  'quantbot.place': blankDigest,
  'quantbot.sha256': blankDigest,
};

/** Returns a key and its value's length prefix in Thrift's compact protocol. */
const framed = (key: string, valueBytes: number): Buffer =>
  Buffer.concat([Buffer.from([0x18, key.length]), Buffer.from(key), Buffer.from([0x18, valueBytes])]);
const digestMark = framed('quantbot.sha256', blankDigest.length);
const placeMark = framed('quantbot.place', blankDigest.length);
const sealedMark = framed('quantbot.sealed', 1);
const seqKey = framed('quantbot.as_of_seq', 0).subarray(0, -1);
/** The length of the footer and the magic bytes. */
const tailBytes = 8;
const chunkBytes = 1024 * 1024;

/** Returns the place of a file: its path below the root of the bus, or the key of its object. */
export const placeIn = ({ root }: Pick<BusLayout, 'root'>, path: string): string => relative(root, path);

/**
 * Seals the bytes of a Parquet file that has {@link sealMetadata}, in place.
 *
 * @param place where the file will be (see {@link placeIn}); undefined if it may be anywhere.
 */
export function sealBytes(file: Uint8Array, place: string | undefined): Uint8Array {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const at = bytes.lastIndexOf(digestMark);
  if (at < 0) throw new Error('A file without a place for its digest cannot be sealed.');
  if (place !== undefined)
    bytes.write(hash('sha256', place), bytes.lastIndexOf(placeMark) + placeMark.length, 'latin1');
  bytes.write(hash('sha256', file), at + digestMark.length, 'latin1');
  return file;
}

/** {@link sealBytes} for a file. The caller flushes it. */
export async function sealFile(path: string, place: string | undefined): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const file = await partsOf(handle);
    const { digestAt: at, placeAt } = (await footerOf(file)) ?? {};
    if (at === undefined || placeAt === undefined)
      throw new Error(`${path} has no place for its digest and cannot be sealed.`);
    if (place !== undefined) await handle.write(hash('sha256', place), placeAt, 'latin1');
    await handle.write(await digestWithBlank(file, at), at, 'latin1');
  } finally {
    await handle.close();
  }
}

/** How a file is compared with its seal. */
export interface SealCheck {
  /** Where the file lies (see {@link placeIn}); undefined for a copy elsewhere. */
  place?: string | undefined;
  /** The golden export of which it must be a file, and the job that it must at least have. */
  ofExport?: { name: string; minSeq: number } | undefined;
  /** Limits the rate of reading. */
  pace?: Pace | undefined;
}

/** Compares a file with its own digest and its place. Throws errors of the machine. */
export async function checkSeal(path: string, check: SealCheck = {}): Promise<SealState> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 'missing';
    if (isNotRegular(error) || systemErrorCode(error) === 'ENOTDIR') return 'rotten';
    throw error;
  }
  try {
    return (await handle.stat()).isFile() ? await sealOf(await partsOf(handle), check) : 'rotten';
  } finally {
    await handle.close();
  }
}

/** A file or an object, which is read in parts. */
export interface ReadInParts {
  bytes: number;
  /** The size of the parts that are hashed, one after the other. */
  partBytes: number;
  /** Returns bytes that stay what they are until the next call. */
  read(offset: number, length: number): Promise<Buffer>;
}

async function partsOf(handle: FileHandle): Promise<ReadInParts> {
  const { size: bytes } = await handle.stat();
  const reused = Buffer.allocUnsafe(Math.min(bytes, chunkBytes));
  return {
    bytes,
    partBytes: chunkBytes,
    async read(offset, length) {
      const buffer = length <= reused.length ? reused : Buffer.allocUnsafe(length);
      const { bytesRead } = await handle.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
  };
}

/** {@link checkSeal} for what is already open. */
export async function sealOf(
  file: ReadInParts,
  { place, ofExport, pace }: SealCheck = {},
): Promise<Exclude<SealState, 'missing'>> {
  const footer = await footerOf(file, ofExport);
  if (footer === undefined || !footer.isMeant) return 'rotten';
  const { digestAt, placeAt } = footer;
  if (digestAt === undefined) return footer.isMarked || ofExport !== undefined ? 'rotten' : 'unsealed';
  if (!footer.isMarked) return 'rotten';
  const digestIn = async (at: number) => (await file.read(at, blankDigest.length)).toString('latin1');
  // Earlier versions wrote files without a place.
  const isFor = placeAt === undefined || place === undefined ? blankDigest : await digestIn(placeAt);
  if (isFor !== blankDigest && isFor !== hash('sha256', place as string)) return 'rotten';
  const written = await digestIn(digestAt);
  return written === (await digestWithBlank(file, digestAt, pace)) ? 'sound' : 'rotten';
}

/** Positions in a sealed file, and whether it has the mark. */
interface SealedFooter {
  digestAt: number | undefined;
  placeAt: number | undefined;
  isMarked: boolean;
  /** Whether it is a file of the golden export that it must be of, and new enough. */
  isMeant: boolean;
}

/** Finds the seal of a Parquet file; undefined if it is not Parquet. */
async function footerOf(file: ReadInParts, ofExport?: SealCheck['ofExport']): Promise<SealedFooter | undefined> {
  const { bytes } = file;
  if (bytes < tailBytes + 4) return undefined;
  const tail = await file.read(bytes - tailBytes, tailBytes);
  if (tail.toString('latin1', 4) !== 'PAR1') return undefined;
  const length = tail.readUInt32LE(0);
  if (length > bytes - tailBytes - 4) return undefined;
  const start = bytes - tailBytes - length;
  const footer = await file.read(start, length);
  // Use the last match: key-value metadata follows the statistics, which contain producers' data.
  const after = (mark: Buffer) => {
    const at = footer.lastIndexOf(mark);
    return at < 0 ? undefined : start + at + mark.length;
  };
  return {
    digestAt: after(digestMark),
    placeAt: after(placeMark),
    isMarked: footer.lastIndexOf(sealedMark) >= 0,
    isMeant: ofExport === undefined || isOf(ofExport, footer),
  };
}

/** Whether the metadata in a footer name a golden export, with all rows up to a job at least. */
function isOf({ name, minSeq }: NonNullable<SealCheck['ofExport']>, footer: Buffer): boolean {
  const keyAt = footer.lastIndexOf(seqKey);
  const at = keyAt + seqKey.length;
  const seq = Number(footer.toString('latin1', at + 1, at + 1 + (footer[at] ?? 0)));
  const nameMark = Buffer.concat([framed('quantbot.export', name.length), Buffer.from(name)]);
  return keyAt >= 0 && seq >= minSeq && footer.includes(nameMark);
}

async function digestWithBlank({ bytes, partBytes, read }: ReadInParts, blankAt: number, pace?: Pace): Promise<string> {
  const sha256 = createHash('sha256');
  for (let position = 0; position < bytes; position += partBytes) {
    const part = await read(position, Math.min(partBytes, bytes - position));
    await pace?.(part.length);
    const from = Math.max(blankAt, position);
    const to = Math.min(blankAt + blankDigest.length, position + part.length);
    if (from < to) part.fill('0', from - position, to - position);
    sha256.update(part);
  }
  return sha256.digest('hex');
}
