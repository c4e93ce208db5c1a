import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Table, tableToIPC } from '@uwdata/flechette';
import type { ArrowBatch } from '../arrow/buffers.js';
import { type ArrowColumn, arrowColumnOf, fieldOf } from '../arrow/columns.js';
import { distinctNames } from '../duckdb/distinct-names.js';
import { columnVector } from '../types/vector-memory.js';
import type { SandboxOptions } from './open-sandbox.js';
import { type SelectChunk, streamChunks } from './stream-select.js';

/** The content type of an Arrow IPC stream. */
export const arrowType = 'application/vnd.apache.arrow.stream';

/** Each message of flechette is followed by the end of the stream. */
const endBytes = 8;

/**
 * Runs an untrusted SELECT, and yields its rows as an Arrow IPC stream, with bounded memory: a
 * record batch for each 2,048 rows. The types follow docs/reference/type-mapping.md. A stream that
 * breaks off has no end mark.
 *
 * @throws StorageError `TYPE_UNSUPPORTED` (Arrow cannot hold a column), `VALUE_INVALID` (a value);
 * those of `streamSelect`.
 */
export async function* streamArrow(
  sql: string,
  options: SandboxOptions & { signal?: AbortSignal },
): AsyncGenerator<Uint8Array, void, undefined> {
  let columns: ArrowColumn[] = [];
  let end: Uint8Array = new Uint8Array(0);
  for await (const part of streamChunks(sql, { ...options, chosen: () => undefined })) {
    let message: Uint8Array;
    if ('columns' in part) {
      const names = distinctNames(part.columns.map(({ name }) => name));
      columns = part.columns.map(({ type }, index) => arrowColumnOf(names[index] as string, type));
      message = messageOf({
        schema: { fields: columns.map((column, index) => fieldOf(names[index] as string, column)), metadata: null },
        children: columns.map(({ type }) => ({ type, data: [] })),
      });
    } else if (part.rows > 0) message = messageOf({ children: batchesOf(part, columns) });
    else continue;
    end = message.subarray(-endBytes);
    yield message.subarray(0, -endBytes);
  }
  yield end;
}

/** {@link streamArrow} into a file, which must not exist. The file is not flushed. */
export const writeArrow = (
  sql: string,
  { path, ...options }: SandboxOptions & { path: string; signal: AbortSignal },
): Promise<void> =>
  pipeline(streamArrow(sql, options), createWriteStream(path, { flags: 'wx' }), { signal: options.signal });

/** A table of flechette, as far as it reads one to write it. */
interface Written {
  schema?: { fields: unknown[]; metadata: null };
  children: { type: ArrowColumn['type']; data: ArrowBatch[] }[];
}

/** Returns the schema, or the record batch, as a stream of its own. */
const messageOf = (table: Written): Uint8Array =>
  tableToIPC(table as unknown as Table, { format: 'stream' }) as Uint8Array;

const batchesOf = ({ chunk, rows }: SelectChunk, columns: readonly ArrowColumn[]): Written['children'] =>
  columns.map(({ type, encode }, index) => ({
    type,
    data: [encode(columnVector(chunk.chunk, index), { size: rows })],
  }));
