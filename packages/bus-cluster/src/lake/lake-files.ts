import { type DaemonError, daemonError } from '@quantbot/bus-format';
import type { Objects } from '@quantbot/infra/objects';
import { type CompareOptions, compareObject } from '../compare-object.js';
import type { Queries } from '../postgres/postgres.js';

/** Where a cluster has its journal and its objects. */
export interface ClusterPlaces {
  postgres: Queries;
  objects: Objects;
  /** The root of the objects, as DuckDB names it. */
  root: string;
}

/** A file that the lake names now. */
export interface LakeFile {
  /** The key of its object. */
  key: string;
  /** The canonical table, by its first name; undefined for the journal. */
  table: string | undefined;
  bytes: number;
}

/**
 * SELECT of the files that the lake names now, without those that only older snapshots name. A file
 * of our own has its whole path, because it was added; the path of DuckLake's own is relative.
 *
 * @param catalog the prefix of DuckLake's own tables: none for PostgreSQL.
 */
export const currentFiles = (catalog = ''): string =>
  `SELECT f.data_file_id, s.schema_name AS schema, t.table_name AS "table", NOT f.path_is_relative AS is_ours,
     CASE WHEN f.path_is_relative THEN 'lake/' || s.path || t.path || f.path ELSE f.path END AS path,
     f.file_size_bytes AS bytes, f.record_count AS rows
   FROM ${catalog}ducklake_data_file f
   JOIN ${catalog}ducklake_table t USING (table_id) JOIN ${catalog}ducklake_schema s USING (schema_id)
   WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL`;

/** {@link currentFiles} of canonical tables that have rows, each with its first and last job. */
export const filesWithJobs = (catalog = ''): string =>
  `SELECT files.*, CAST(n.min_value AS BIGINT) AS first_seq, CAST(n.max_value AS BIGINT) AS last_seq
   FROM (${currentFiles(catalog)}) files JOIN ${catalog}ducklake_file_column_stats n USING (data_file_id)
   JOIN ${catalog}ducklake_column c USING (table_id, column_id)
   WHERE schema = '_files' AND c.column_name = '_seq' AND c.end_snapshot IS NULL AND n.min_value IS NOT NULL`;

/**
 * Returns the files of the lake's tables, without those that only older snapshots name.
 *
 * @param root the root of the objects, as DuckDB names it.
 */
export async function lakeFiles(queries: Queries, root: string): Promise<LakeFile[]> {
  const [there] = await queries.query<{ there: boolean }>(
    `SELECT to_regclass('ducklake_data_file') IS NOT NULL AS there`,
  );
  if (!there?.there) return []; // the lake was dropped and is not rebuilt yet
  const files = await queries.query<{ schema: string; table: string; path: string; is_ours: boolean; bytes: number }>(
    `${currentFiles()} ORDER BY path`,
  );
  return files.map(({ schema, table, path, is_ours, bytes }) => ({
    key: is_ours ? path.slice(root.length + 1) : path,
    table: schema === '_bus' ? undefined : table,
    bytes: Number(bytes),
  }));
}

/**
 * Compares a file of the lake with its checksum.
 *
 * @returns what is wrong, as words; undefined if it is sound, or if the lake does not name it any
 * more.
 */
export async function hurtIn(
  { postgres, objects, root }: ClusterPlaces,
  file: LakeFile,
  options: CompareOptions,
): Promise<string | undefined> {
  const wrong = await compareObject(objects, file, options);
  if (wrong === undefined) return undefined;
  const isNamed = (await lakeFiles(postgres, root)).some(({ key }) => key === file.key);
  return isNamed ? wrong : undefined;
}

/** The error for a damaged file of the lake. */
export const damagedFile = (key: string, wrong: string): DaemonError =>
  daemonError('FILE_DAMAGED', `The lake's file ${key} is damaged: ${wrong}.`, {
    hint: 'Run `quantbot-bus rebuild`: it writes the lake again from the journal and the store.',
  });
