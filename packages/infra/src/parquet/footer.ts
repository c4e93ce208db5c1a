import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { busError } from '../errors.js';
import type { ReadBytes } from './bloom-filter.js';
import { columnsOf, type ParquetColumn } from './columns.js';
import { encrypted, readFooterMetadata } from './footer-metadata.js';
import { meaningOf, type SchemaMeaning } from './meaning.js';
import { lookedAtBytes, otherFormat } from './other-format.js';
import { ThriftError } from './thrift.js';

/** The largest footer, in bytes. */
export const maxFooterBytes = 64 * 1024 * 1024;
const firstReadBytes = 64 * 1024;
const magic = 'PAR1';

/** The footer of a Parquet file. */
export interface ParquetFooter {
  /** Number of rows. */
  rows: number;
  /** Size of the file in bytes. */
  bytes: number;
  /** The top-level columns, in file order, each with the type that DuckDB gives it. */
  columns: readonly ParquetColumn[];
  /** The file's own key-value metadata. */
  keyValue: Record<string, string>;
  rowGroups: number;
  createdBy: string | undefined;
  /** Equal for all files with the same columns and the same {@link ParquetFooter.meaning}. */
  schemaId: string;
  /** The meaning of the schema beyond its columns. */
  meaning: SchemaMeaning;
}

/**
 * Reads the footer of a Parquet file without native code. It trusts nothing that the file's size
 * does not bound. Format: https://parquet.apache.org/docs/file-format/
 *
 * @throws BusError `NOT_PARQUET` for anything that is not a whole Parquet file,
 * `UNSUPPORTED_PARQUET` for an encrypted one, `TOO_COMPLEX` for more than 32 levels of nesting,
 * `TOO_LARGE` for a footer of more than `maxFooterBytes` or with too many columns or pairs of
 * metadata; system errors as they come.
 */
export async function readParquetFooter(path: string): Promise<ParquetFooter> {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return footerOf(file);
  } finally {
    closeSync(file);
  }
}

/** `readParquetFooter` for a file that is already open. */
export const readFooterOf = async (handle: FileHandle): Promise<ParquetFooter> => footerOf(handle.fd);

/**
 * Returns the size of an open file's footer, without reading it.
 *
 * @throws BusError `NOT_PARQUET`, `UNSUPPORTED_PARQUET`, `TOO_LARGE`.
 */
export async function footerBytesOf({ fd }: FileHandle): Promise<number> {
  const { size } = fstatSync(fd);
  const tail = readAt(fd, Math.max(0, size - 8), Math.min(size, 8));
  return footerLength(readAt(fd, 0, Math.min(size, lookedAtBytes)), tail, size);
}

/**
 * Synchronous, so that large footers of several files never add up in memory. Parsing takes longer
 * than reading.
 */
function footerOf(file: number): ParquetFooter {
  const { size } = fstatSync(file);
  const tail = readAt(file, Math.max(0, size - firstReadBytes), Math.min(size, firstReadBytes));
  const head = size <= firstReadBytes ? tail : readAt(file, 0, lookedAtBytes);
  const footerBytes = footerLength(head, tail, size);
  const read: ReadBytes = (position, length) =>
    position < size - tail.length
      ? readAt(file, position, length)
      : tail.subarray(position - size + tail.length, position - size + tail.length + length);
  if (footerBytes + 8 <= tail.length) return footerIn(tail, footerBytes, { size, read });
  return parseFooter(readAt(file, size - footerBytes - 8, footerBytes), { size, read });
}

/** `readParquetFooter` for a file in memory. */
export const readFooterIn = (file: Buffer): ParquetFooter =>
  footerIn(file, footerLength(file, file, file.length), {
    size: file.length,
    read: (position, length) => file.subarray(position, position + length),
  });

/** The file of a footer. */
interface WholeFile {
  size: number;
  read: ReadBytes;
}

const footerIn = (tail: Buffer, footerBytes: number, file: WholeFile): ParquetFooter =>
  parseFooter(tail.subarray(tail.length - 8 - footerBytes, tail.length - 8), file);

/** Returns the footer's claimed length, if it is possible. */
function footerLength(head: Buffer, tail: Buffer, size: number): number {
  const lastFour = tail.toString('latin1', Math.max(0, tail.length - 4));
  if (lastFour === 'PARE') throw encrypted();
  const startsRight = head.toString('latin1', 0, 4) === magic;
  const other = startsRight ? undefined : otherFormat(head);
  if (other !== undefined)
    throw busError('NOT_PARQUET', `The file is ${other}, not Parquet.`, {
      hint: 'Convert it with DuckDB, pandas or polars, and submit the Parquet file.',
    });
  if (size < 12) throw notParquet(`The file has ${size} bytes; the smallest Parquet file has more.`);
  if (!startsRight || lastFour !== magic)
    throw notParquet('The file does not begin and end with PAR1; it may be another format, or cut off.');
  const footerBytes = tail.readUInt32LE(tail.length - 8);
  if (footerBytes > size - 12) throw notParquet(`The footer claims ${footerBytes} bytes in a file of ${size}.`);
  if (footerBytes > maxFooterBytes)
    throw busError('TOO_LARGE', `The footer has ${footerBytes} bytes; ${maxFooterBytes} are allowed.`, {
      hint: 'Write fewer, larger row groups.',
    });
  return footerBytes;
}

function parseFooter(footer: Uint8Array, { size, read }: WholeFile): ParquetFooter {
  try {
    const { root, ...metadata } = readFooterMetadata(footer, { end: size - footer.length - 8, read });
    return {
      ...metadata,
      bytes: size,
      columns: columnsOf(root, metadata.keyValue),
      meaning: knownMeaning(metadata.schemaId, () => meaningOf(root, metadata.keyValue)),
    };
  } catch (cause) {
    if (cause instanceof ThriftError) throw notParquet(`The footer cannot be read: ${cause.message}.`, cause);
    throw cause;
  }
}

const maxMeanings = 100;
const meanings = new Map<string, SchemaMeaning>();

/** Returns the meaning of a schema, computed once per schema. */
function knownMeaning(schemaId: string, find: () => SchemaMeaning): SchemaMeaning {
  const known = meanings.get(schemaId);
  if (known !== undefined) return known;
  if (meanings.size >= maxMeanings) meanings.clear();
  const found = find();
  meanings.set(schemaId, found);
  return found;
}

function readAt(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const bytesRead = readSync(file, buffer, done, length - done, position + done);
    if (bytesRead === 0) throw notParquet('The file became shorter while it was read.');
    done += bytesRead;
  }
  return buffer;
}

const notParquet = (sentence: string, cause?: unknown) => busError('NOT_PARQUET', sentence, { cause });
