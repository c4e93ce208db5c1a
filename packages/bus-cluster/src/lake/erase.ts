import { query } from '@quantbot/bus-format/duckdb';
import { literal, literalList } from '@quantbot/bus-format/sql';
import type { OpenLake } from '@quantbot/storage/lake';
import { disjoint, rangesOf, type SeqRange } from './ranges.js';
import { filesOf, metadata } from './tables.js';
import { addFiles, type LakePlace, mustBeSound, writeFile } from './write-file.js';

/**
 * Takes the rows of artifacts out of a table of the lake, within a transaction. Each file that has
 * some of them is replaced by one of ours without them. Deleting all rows of a file removes it from
 * the table, and writes no other file.
 *
 * @param options.seqs the jobs that brought the rows.
 */
export async function eraseRows(
  lake: Pick<OpenLake, 'connection'>,
  table: string,
  { place, keys, seqs }: { place: LakePlace; keys: readonly string[]; seqs: readonly number[] },
): Promise<void> {
  const { connection } = lake;
  const hit = (range: SeqRange) => seqs.some(seq => seq >= range.firstSeq && seq <= range.lastSeq);
  const isErased = `_artifact_key IN (SELECT unnest(${literalList(keys)}))`;
  for (const range of disjoint(await rangesOf(lake, table)).filter(hit)) {
    const { firstSeq, lastSeq, paths } = range;
    const rows = `${filesOf(table)} WHERE _seq BETWEEN ${firstSeq} AND ${lastSeq}`;
    const [counted] = await query<{ kept: bigint; gone: bigint }>(
      connection,
      `SELECT count(*) FILTER (WHERE NOT ${isErased}) AS kept, count(*) FILTER (WHERE ${isErased}) AS gone FROM ${rows}`,
    );
    if (Number(counted?.gone) === 0) continue;
    const kept: string[] = [];
    if (Number(counted?.kept) > 0) {
      await mustBeSound(place, paths);
      const sql = `SELECT * FROM ${rows} AND NOT ${isErased}`;
      kept.push(await writeFile(lake, table, { place, name: `erased-${firstSeq}-${lastSeq}`, sql }));
    }
    await connection.run(`DELETE FROM ${rows}`);
    if (kept.length > 0) await addFiles(lake, table, kept);
  }
}

/** Whether the lake has a table. */
export async function hasTable({ connection }: Pick<OpenLake, 'connection'>, table: string): Promise<boolean> {
  const found = await query(
    connection,
    `SELECT 1 FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = '_files' AND table_name = ${literal(table)}`,
  );
  return found.length > 0;
}

/** Makes DuckLake remove whole files instead of keeping lists of a few deleted rows. */
export const removeWholeFiles = async ({ connection }: Pick<OpenLake, 'connection'>): Promise<void> => {
  await connection.run(`CALL lake.set_option('data_inlining_row_limit', 0, schema => ${literal('_files')})`);
};

/**
 * Removes old snapshots, and files that only they name.
 *
 * @returns whether nothing is left of them.
 */
export async function dropOldFiles({ connection }: Pick<OpenLake, 'connection'>, graceMs: number): Promise<boolean> {
  const before = `now() - to_milliseconds(${graceMs})`;
  await connection.run(`CALL ducklake_expire_snapshots('lake', older_than => ${before})`);
  await connection.run(`CALL ducklake_cleanup_old_files('lake', older_than => ${before})`);
  // A snapshot from just before the rows left may be younger than the grace period.
  const [left] = await query<{ n: bigint }>(
    connection,
    `SELECT (SELECT count(*) FROM ${metadata}.ducklake_files_scheduled_for_deletion)
       + (SELECT count(*) FROM ${metadata}.ducklake_data_file f
          JOIN ${metadata}.ducklake_table t USING (table_id) JOIN ${metadata}.ducklake_schema s USING (schema_id)
          WHERE s.schema_name = '_files' AND f.end_snapshot IS NOT NULL) AS n`,
  );
  return Number(left?.n) === 0;
}
