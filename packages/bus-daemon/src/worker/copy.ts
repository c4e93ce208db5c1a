import type { DuckDBConnection } from '@duckdb/node-api';
import { openMemoryDatabase, query } from '../duckdb.js';
import { literal, literalList } from '../sql.js';
import type { CopyResult, CopyTask, ParquetFileOptions } from './protocol.js';

/** Writes the result of a SELECT as Parquet. Not flushed: that is the daemon's to do before anything refers to it. */
export async function copyToParquet(task: CopyTask): Promise<CopyResult> {
  const database = await openMemoryDatabase({ memoryMb: task.memoryMb, threads: 2 });
  const { connection } = database;
  try {
    await connection.run(`SET temp_directory = ${literal(task.tempFolder)}`);
    await connection.run(`SET TimeZone = 'UTC'`);
    for (const statement of task.setup) await connection.run(statement);
    if (task.untrusted) {
      await assertOneSelect(connection, task.sql);
      await connection.run(`SET allowed_paths = ${literalList([task.path])}`);
      await connection.run(`SET allowed_directories = ${literalList(task.readable)}`);
      await connection.run('SET enable_external_access = false');
      await connection.run('SET lock_configuration = true');
    }
    const [row] = await query<{ Count: bigint }>(
      connection,
      `COPY (${orderedSql(task)}) TO ${literal(task.path)} (${copyOptions(task.file)})`,
    );
    return { rows: Number(row?.Count ?? 0) };
  } finally {
    database.close();
  }
}

const orderedSql = ({ sql, file: { orderBy } }: CopyTask): string =>
  orderBy === undefined ? `${sql}\n` : `SELECT * FROM (${sql}\n) ORDER BY ${orderBy}`;

function copyOptions({ compression, rowGroupRows, metadata }: ParquetFileOptions): string {
  const entries = Object.entries(metadata ?? {}).map(([key, value]) => `${literal(key)}: ${literal(value)}`);
  return [
    'FORMAT parquet',
    `COMPRESSION ${compression}`,
    ...(rowGroupRows === undefined ? [] : [`ROW_GROUP_SIZE ${rowGroupRows}`]),
    ...(entries.length === 0 ? [] : [`KV_METADATA {${entries.join(', ')}}`]),
  ].join(', ');
}

/** DuckDB serialises SELECT statements only, so whatever it can serialise as exactly one statement is exactly one SELECT. */
async function assertOneSelect(connection: DuckDBConnection, sql: string): Promise<void> {
  const [row] = await query<{ parsed: string }>(connection, `SELECT json_serialize_sql(${literal(sql)}) AS parsed`);
  const parsed = JSON.parse(row?.parsed ?? '{}') as { error?: boolean; error_message?: string; statements?: unknown[] };
  if (parsed.error !== false)
    throw new Error(
      `The SQL of an export must be exactly one SELECT: ${parsed.error_message ?? 'it is something else'}`,
    );
  if (parsed.statements?.length !== 1)
    throw new Error(
      `The SQL of an export must be exactly one SELECT, not ${parsed.statements?.length ?? 0} statements.`,
    );
}
