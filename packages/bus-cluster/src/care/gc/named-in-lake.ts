import type { Queries } from '../../postgres/postgres.js';

const tables = ['ducklake_data_file', 'ducklake_delete_file', 'ducklake_files_scheduled_for_deletion'] as const;

/**
 * Reads which files of the lake are named by DuckLake, old snapshots included, or by fragments that
 * are not published yet.
 *
 * @param root the root of the objects, as DuckDB names it.
 * @returns whether a key is named, or is that of a fragment that counts as missing: its daemon may
 * come back with it.
 */
export async function namedInLake(queries: Queries, root: string): Promise<(key: string) => boolean> {
  const named = new Set<string>();
  const note = (path: string) => named.add(path.startsWith(`${root}/`) ? path.slice(root.length + 1) : `lake/${path}`);
  for (const table of tables) for (const path of await pathsIn(queries, table)) note(path);
  const fragments = await queries.query<{ object: string | null; name: string; first: number; last: number }>(
    'SELECT object, table_name AS name, first_seq AS first, last_seq AS last FROM bus.fragments',
  );
  const missing = new Set<string>();
  for (const { object, name, first, last } of fragments)
    if (object === null) missing.add(`lake/${name}/${first}-${last}`);
    else named.add(object);
  return key => named.has(key) || missing.has(key.slice(0, key.lastIndexOf('~')));
}

/** The paths in a table of DuckLake's catalog, relative to the lake where they are not whole. */
async function pathsIn(queries: Queries, table: (typeof tables)[number]): Promise<string[]> {
  const [there] = await queries.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table]);
  if (!there?.there) return []; // the lake was dropped and is not rebuilt yet
  const rows = await queries.query<{ path: string }>(
    table === 'ducklake_files_scheduled_for_deletion'
      ? `SELECT path FROM ${table}`
      : `SELECT CASE WHEN f.path_is_relative THEN s.path || t.path || f.path ELSE f.path END AS path FROM ${table} f
         JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)`,
  );
  return rows.map(({ path }) => path);
}
