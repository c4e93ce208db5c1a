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
 * Returns the files of the lake's tables, without those that only older snapshots name.
 *
 * @param root the root of the objects, as DuckDB names it.
 */
export async function lakeFiles(queries: Queries, root: string): Promise<LakeFile[]> {
  const [there] = await queries.query<{ there: boolean }>(
    `SELECT to_regclass('ducklake_data_file') IS NOT NULL AS there`,
  );
  if (!there?.there) return []; // the lake was dropped and is not rebuilt yet
  // Files of our own were added with their whole paths.
  const files = await queries.query<{ schema: string; table: string; path: string; is_ours: boolean; bytes: number }>(
    `SELECT s.schema_name AS schema, t.table_name AS "table", NOT f.path_is_relative AS is_ours, f.file_size_bytes AS bytes,
       CASE WHEN f.path_is_relative THEN 'lake/' || s.path || t.path || f.path ELSE f.path END AS path
     FROM ducklake_data_file f JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)
     WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL ORDER BY path`,
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
