import { query } from '@quantbot/bus-format/duckdb';
import { literal } from '@quantbot/bus-format/sql';
import type { OpenLake } from '@quantbot/storage/lake';
import { metadata } from './tables.js';

/** The jobs of one file of a canonical table, or of several. */
export interface SeqRange {
  firstSeq: number;
  lastSeq: number;
  /** Where its files lie. */
  paths: string[];
  bytes: number;
}

/** Returns the range of each file of a table, by its first job. */
export async function rangesOf({ connection }: Pick<OpenLake, 'connection'>, table: string): Promise<SeqRange[]> {
  const files = await query<{ firstSeq: bigint; lastSeq: bigint; path: string; bytes: bigint }>(
    connection,
    `SELECT CAST(s.min_value AS BIGINT) AS "firstSeq", CAST(s.max_value AS BIGINT) AS "lastSeq", f.path, f.file_size_bytes AS bytes
     FROM ${metadata}.ducklake_data_file f
     JOIN ${metadata}.ducklake_table t USING (table_id) JOIN ${metadata}.ducklake_schema USING (schema_id)
     JOIN ${metadata}.ducklake_column c ON c.table_id = t.table_id AND c.column_name = '_seq' AND c.end_snapshot IS NULL
     JOIN ${metadata}.ducklake_file_column_stats s ON s.data_file_id = f.data_file_id AND s.column_id = c.column_id
     WHERE schema_name = '_files' AND table_name = ${literal(table)} AND f.end_snapshot IS NULL AND t.end_snapshot IS NULL
       AND s.min_value IS NOT NULL
     ORDER BY "firstSeq"`,
  );
  return files.map(({ firstSeq, lastSeq, path, bytes }) => ({
    firstSeq: Number(firstSeq),
    lastSeq: Number(lastSeq),
    paths: [path],
    bytes: Number(bytes),
  }));
}

/**
 * Joins ranges that overlap: a restored artifact has a file of its own, within the range of another
 * one. Each result has all rows of its jobs.
 */
export function disjoint(ranges: readonly SeqRange[]): SeqRange[] {
  const joined: SeqRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last === undefined || range.firstSeq > last.lastSeq) joined.push({ ...range, paths: [...range.paths] });
    else {
      last.lastSeq = Math.max(last.lastSeq, range.lastSeq);
      last.paths.push(...range.paths);
      last.bytes += range.bytes;
    }
  }
  return joined;
}
