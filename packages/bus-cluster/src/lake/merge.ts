import { randomUUID } from 'node:crypto';
import { query } from '@quantbot/bus-format/duckdb';
import { literal } from '@quantbot/bus-format/sql';
import type { OpenLake } from '@quantbot/storage/lake';
import { filesOf, metadata } from './tables.js';
import { inTransaction, placeFor } from './transaction.js';

/** Files below this size are merged. */
export const smallBytes = 64 * 1024 * 1024;
/** The largest sum of files that are merged into one. */
const maxMergedBytes = 256 * 1024 * 1024;

/** Consecutive files of a canonical table. They have all rows of some jobs, and no others. */
interface Run {
  table: string;
  firstSeq: bigint;
  lastSeq: bigint;
  files: number;
  bytes: number;
}

/**
 * Merges small files of the canonical tables that have more than so many. DuckLake's own merge
 * writes Bloom filters, with which DuckDB misses rows (see storage, parquet/bloom.ts), and no
 * option turns them off. Here, the merged file is ours, and takes the place of the others in one
 * transaction.
 *
 * @param root the root of the objects: `s3://…` or an absolute path.
 * @returns whether something was merged.
 */
export async function mergeTables(
  lake: Pick<OpenLake, 'connection'>,
  root: string,
  smallFiles: number,
): Promise<boolean> {
  const runs = await runsOf(lake, smallFiles);
  // Otherwise DuckLake keeps the files of a few deleted rows, and a list of these rows.
  if (runs.length > 0)
    await lake.connection.run(`CALL lake.set_option('data_inlining_row_limit', 0, schema => '_files')`);
  for (const run of runs) await mergeRun(lake, root, run);
  return runs.length > 0;
}

async function runsOf({ connection }: Pick<OpenLake, 'connection'>, smallFiles: number): Promise<Run[]> {
  const files = await query<{ table: string; firstSeq: bigint; lastSeq: bigint; bytes: bigint }>(
    connection,
    `SELECT t.table_name AS "table", CAST(s.min_value AS BIGINT) AS "firstSeq", CAST(s.max_value AS BIGINT) AS "lastSeq",
       f.file_size_bytes AS bytes
     FROM ${metadata}.ducklake_data_file f
     JOIN ${metadata}.ducklake_table t USING (table_id) JOIN ${metadata}.ducklake_schema USING (schema_id)
     JOIN ${metadata}.ducklake_column c ON c.table_id = t.table_id AND c.column_name = '_seq' AND c.end_snapshot IS NULL
     JOIN ${metadata}.ducklake_file_column_stats s ON s.data_file_id = f.data_file_id AND s.column_id = c.column_id
     WHERE schema_name = '_files' AND f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND s.min_value IS NOT NULL
     QUALIFY count(*) FILTER (WHERE f.file_size_bytes < ${smallBytes}) OVER (PARTITION BY t.table_id) > ${smallFiles}
     ORDER BY t.table_name, "firstSeq"`,
  );
  const runs: Run[] = [];
  let open: Run | undefined;
  for (const { table, firstSeq, lastSeq, bytes } of files) {
    const size = Number(bytes);
    if (size >= smallBytes) open = undefined;
    else if (open?.table === table && open.bytes + size <= maxMergedBytes) {
      open.lastSeq = lastSeq;
      open.files++;
      open.bytes += size;
    } else {
      open = { table, firstSeq, lastSeq, files: 1, bytes: size };
      runs.push(open);
    }
  }
  return runs.filter(run => run.files > 1);
}

/** Deleting all rows of a file removes the file from the table, and writes no other file. */
async function mergeRun(
  lake: Pick<OpenLake, 'connection'>,
  root: string,
  { table, firstSeq, lastSeq }: Run,
): Promise<void> {
  const { connection } = lake;
  const object = `lake/${table}/merged-${firstSeq}-${lastSeq}~${randomUUID()}.parquet`;
  const rows = `${filesOf(table)} WHERE _seq BETWEEN ${firstSeq} AND ${lastSeq}`;
  const place = literal(await placeFor(root, object));
  await inTransaction(lake, async () => {
    await connection.run(
      `COPY (SELECT * FROM ${rows} ORDER BY _seq, _ordinal, _row) TO ${place} (FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false)`,
    );
    await connection.run(`DELETE FROM ${rows}`);
    await connection.run(
      `CALL ducklake_add_data_files('lake', ${literal(table)}, ${place}, schema => '_files', allow_missing => true)`,
    );
  });
}
