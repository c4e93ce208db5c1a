import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { sealFile, sealMetadata } from '@quantbot/bus-format/journal';
import { ownFolderMode } from '@quantbot/infra/files';
import { assertOneSelect, copyExactly, lockDown, toStream } from '@quantbot/storage/sandbox';
import { inKeptDatabase, openToWrite } from './kept-database.js';
import { folderNames } from './partition-folders.js';
import type {
  CopyResult,
  CopyTask,
  ParquetFileOptions,
  PartitionFile,
  PartitionTask,
  SelectToWrite,
} from './protocol.js';
import { mustBeSound } from './sources.js';

/**
 * Writes the result of a SELECT as Parquet. The daemon must flush it before anything refers to it.
 */
export const copyToParquet = (task: CopyTask): Promise<CopyResult> =>
  withSelect(task, { files: [task.path], folders: [] }, async connection => ({
    rows: await copy(connection, orderedSql(task), task.path, task),
  }));

/**
 * Writes the result of a SELECT into a folder, one file per partition, in the order of the SELECT.
 * Not flushed.
 */
export const writePartitions = (task: PartitionTask): Promise<PartitionFile[]> =>
  withSelect(task, { files: [], folders: [task.folder] }, async connection => {
    const { folder, fileName, partitionBy, streams } = task;
    if (partitionBy.length === 0)
      return [{ path: fileName, rows: await copy(connection, orderedSql(task), join(folder, fileName), task) }];
    // DuckDB's own PARTITION_BY may write several files for a partition; here each is one, whose
    // name the daemon knows.
    // A table would hold 2,048 rows as one piece, however large they are.
    const kind = streams === true ? 'VIEW' : 'TABLE';
    await connection.run(`CREATE TEMP ${kind} _result AS ${orderedSql(task)}`);
    const nameFolder = folderNames(task.taken ?? []);
    const files: PartitionFile[] = [];
    for (const { texts } of await partitionsIn(connection, partitionBy)) {
      const folders = partitionBy.map((column, i) => nameFolder(column, texts[i] ?? null)).join('/');
      const path = `${folders}/${fileName}`;
      await mkdir(join(folder, folders), { recursive: true, mode: ownFolderMode });
      const rows = await copy(connection, rowsWith(partitionBy, texts), join(folder, path), task);
      files.push({ path, rows });
    }
    await connection.run(`DROP ${kind} _result`);
    return files;
  });

/** Returns the text of each column of each partition in `_result`, in a stable order. */
async function partitionsIn(
  connection: DuckDBConnection,
  partitionBy: readonly string[],
): Promise<{ texts: (string | null)[] }[]> {
  const texts = partitionBy.map(textOf).join(', ');
  return query(connection, `SELECT DISTINCT [${texts}] AS texts FROM _result ORDER BY texts`);
}

const textOf = (column: string): string => `CAST(${identifier(column)} AS VARCHAR)`;

/** The rows of `_result` whose columns have these texts. */
const rowsWith = (partitionBy: readonly string[], texts: readonly (string | null)[]): string => {
  const values = texts.map(text => (text === null ? 'NULL' : literal(text)));
  const conditions = partitionBy.map((column, i) => `${textOf(column)} IS NOT DISTINCT FROM ${values[i]}`);
  return `FROM _result WHERE ${conditions.join(' AND ')}`;
};

/** The schemas that the setup of a SELECT of the daemon itself creates. */
const setupSchemas = ['_rows', '_bus'];

/** Opens a database with the views that a SELECT reads, and locks it before untrusted SQL runs. */
async function withSelect<T>(
  task: SelectToWrite,
  writes: { files: string[]; folders: string[] },
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  await mustBeSound(task.sources ?? []);
  if (!task.untrusted && task.streams !== true)
    return inKeptDatabase(task.memoryMb, setupSchemas, async connection => {
      await prepare(connection, task);
      return work(connection);
    });
  const { connection, close } = await openToWrite(task.memoryMb);
  try {
    await prepare(connection, task);
    if (!task.untrusted) return await work(connection);
    await assertOneSelect(connection, task.sql, 'The SQL of an export', task.readable);
    await lockDown(connection, { folders: [...task.readable, ...writes.folders], files: writes.files });
    return await work(connection);
  } finally {
    close();
  }
}

async function prepare(connection: DuckDBConnection, { setup, streams }: SelectToWrite): Promise<void> {
  await connection.run(`SET TimeZone = 'UTC'`);
  for (const statement of [...(streams === true ? toStream : []), ...setup]) await connection.run(statement);
}

async function copy(
  connection: DuckDBConnection,
  sql: string,
  path: string,
  { file, streams = false }: SelectToWrite,
): Promise<number> {
  const options = copyOptions(file);
  const rows = await copyExactly(connection, { sql, path, options, readBack: file.readBack === true, streams });
  if (file.seal !== undefined) await sealFile(path, file.seal.place);
  return rows;
}

const orderedSql = ({ sql, file: { orderBy } }: SelectToWrite): string =>
  orderBy === undefined ? `${sql}\n` : `SELECT * FROM (${sql}\n) ORDER BY ${orderBy}`;

/** The options of a COPY. */
export function copyOptions({ compression, rowGroupRows, metadata, seal }: ParquetFileOptions): string {
  const entries = Object.entries({ ...metadata, ...(seal !== undefined && sealMetadata) }).map(
    ([key, value]) => `${literal(key)}: ${literal(value)}`,
  );
  return [
    'FORMAT parquet',
    `COMPRESSION ${compression}`,
    ...(rowGroupRows === undefined ? [] : [`ROW_GROUP_SIZE ${rowGroupRows}`]),
    ...(entries.length === 0 ? [] : [`KV_METADATA {${entries.join(', ')}}`]),
  ].join(', ');
}
