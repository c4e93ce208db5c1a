import { randomUUID } from 'node:crypto';
import { literal, literalList } from '@quantbot/bus-format/sql';
import type { OpenLake } from '@quantbot/storage/lake';
import { copyExactly, toStream } from '@quantbot/storage/sandbox';
import { placeFor } from './transaction.js';

/**
 * Writes rows of a canonical table into a new file of the lake, within a transaction, and reads it
 * back. DuckDB's own COPY would lose the sign of zero and the bits of NaN. The rows are streamed,
 * because they may be larger than memory, and a failed attempt would end the transaction.
 *
 * @param options.sql one scan. Its rows are not sorted.
 * @param options.root the root of the objects: `s3://…` or an absolute path.
 * @param options.name the file's name below `lake/<table>/`, without its ending.
 * @returns where it lies.
 */
export async function writeFile(
  { connection }: Pick<OpenLake, 'connection'>,
  table: string,
  { root, name, sql }: { root: string; name: string; sql: string },
): Promise<string> {
  const path = await placeFor(root, `lake/${table}/${name}~${randomUUID()}.parquet`);
  const options = 'FORMAT parquet, COMPRESSION zstd';
  for (const statement of toStream) await connection.run(statement);
  await copyExactly(connection, { sql, path, options, readBack: true, streams: true, inTransaction: true });
  return path;
}

/** Adds files to a table of the lake. */
export async function addFiles(
  { connection }: Pick<OpenLake, 'connection'>,
  table: string,
  paths: readonly string[],
  schema = '_files',
): Promise<void> {
  await connection.run(
    `CALL ducklake_add_data_files('lake', ${literal(table)}, ${literalList(paths)}, schema => ${literal(schema)}, allow_missing => true)`,
  );
}
