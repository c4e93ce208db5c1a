import { type FileHandle, open } from 'node:fs/promises';
import { type FileMetaData, parquetMetadata } from 'hyparquet';
import { busError } from '../errors.js';
import { columnsOf, type ParquetColumn } from './columns.js';

/** A footer may have at most this many bytes. */
export const maxFooterBytes = 64 * 1024 * 1024;
const firstReadBytes = 64 * 1024;
const magic = 'PAR1';

/** What a Parquet file says of itself. */
export interface ParquetFooter {
  /** Number of rows. */
  rows: number;
  /** Size of the file in bytes. */
  bytes: number;
  /** The top-level columns, in file order, each with the type that DuckDB gives it. */
  columns: ParquetColumn[];
  /** The file's own key-value metadata. */
  keyValue: Record<string, string>;
  rowGroups: number;
  createdBy: string | undefined;
}

/**
 * Reads the footer of a Parquet file without native code, believing nothing that is not bounded by the file's size.
 * Format: https://parquet.apache.org/docs/file-format/
 *
 * @throws BusError `NOT_PARQUET` for anything that is not a whole Parquet file; system errors as they come.
 */
export async function readParquetFooter(path: string): Promise<ParquetFooter> {
  const handle = await open(path, 'r');
  try {
    return await readFooterOf(handle);
  } finally {
    await handle.close();
  }
}

/** {@link readParquetFooter} for a file that is already open. */
export async function readFooterOf(handle: FileHandle): Promise<ParquetFooter> {
  const { size } = await handle.stat();
  if (size < 12) throw notParquet(`The file has ${size} bytes; the smallest Parquet file has more.`);
  const tail = await readAt(handle, Math.max(0, size - firstReadBytes), Math.min(size, firstReadBytes));
  const head = size <= firstReadBytes ? tail : await readAt(handle, 0, 4);
  const lastFour = tail.toString('latin1', tail.length - 4);
  if (lastFour === 'PARE') throw notParquet('The file is encrypted Parquet, which the bus cannot read.');
  if (head.toString('latin1', 0, 4) !== magic || lastFour !== magic)
    throw notParquet('The file does not begin and end with PAR1; it may be another format, or cut off.');
  const footerBytes = tail.readUInt32LE(tail.length - 8);
  if (footerBytes > size - 12 || footerBytes > maxFooterBytes)
    throw notParquet(`The footer claims ${footerBytes} bytes in a file of ${size}.`);
  const whole = footerBytes + 8 <= tail.length ? tail : await readAt(handle, size - footerBytes - 8, footerBytes + 8);
  return describe(parseFooter(whole), size, footerBytes);
}

function parseFooter(tail: Buffer): FileMetaData {
  try {
    return parquetMetadata(new Uint8Array(tail).buffer);
  } catch (cause) {
    throw notParquet(`The footer cannot be read: ${String((cause as Error).message).slice(0, 200)}.`, cause);
  }
}

function describe(metadata: FileMetaData, size: number, footerBytes: number): ParquetFooter {
  const rows = Number(metadata.num_rows);
  if (!Number.isSafeInteger(rows) || rows < 0) throw notParquet(`The footer claims ${metadata.num_rows} rows.`);
  const dataEnd = size - footerBytes - 8;
  let rowsInGroups = 0;
  for (const group of metadata.row_groups) {
    rowsInGroups += Number(group.num_rows);
    for (const chunk of group.columns) {
      const meta = chunk.meta_data;
      if (meta === undefined) continue;
      const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
      const length = Number(meta.total_compressed_size);
      if (!(start >= 4 && length >= 0 && start + length <= dataEnd))
        throw notParquet('The footer places a column outside of the file; the file is cut off or damaged.');
    }
  }
  if (rowsInGroups !== rows) throw notParquet(`The footer claims ${rows} rows, its row groups have ${rowsInGroups}.`);
  return {
    rows,
    bytes: size,
    columns: columnsOf(metadata.schema),
    keyValue: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
    rowGroups: metadata.row_groups.length,
    createdBy: metadata.created_by,
  };
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw notParquet('The file became shorter while it was read.');
    done += bytesRead;
  }
  return buffer;
}

const notParquet = (sentence: string, cause?: unknown) => busError('NOT_PARQUET', sentence, { cause });
