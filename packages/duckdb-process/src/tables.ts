import { literal } from '@quantbot/bus-format';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { foldName } from '@quantbot/infra/bus';
import type { TablesTask } from './protocol.js';

/**
 * Returns the tables that a SELECT reads, as `schema.table` in lower case. Returns undefined if it
 * is not a SELECT, calls a table function, or names a table without its schema. DuckDB's
 * `getTableNames` returns nothing for ordinary queries, so this reads the syntax tree.
 */
export async function tablesOf({ sql }: TablesTask): Promise<string[] | undefined> {
  const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
  try {
    const [row] = await query<{ tree: string }>(
      database.connection,
      `SELECT json_serialize_sql(${literal(sql)}) AS tree`,
    );
    const tree: unknown = JSON.parse(row?.tree ?? '{}');
    if ((tree as { error?: boolean }).error !== false) return undefined;
    return namesIn(tree);
  } finally {
    database.close();
  }
}

interface Node {
  type?: unknown;
  schema_name?: string;
  table_name?: string;
  cte_map?: { map?: { key: string }[] };
}

function namesIn(tree: unknown): string[] | undefined {
  const tables = new Set<string>();
  const unqualified = new Set<string>();
  const named = new Set<string>(); // by WITH
  let known = true;
  const left: unknown[] = [tree];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (typeof node !== 'object' || node === null) continue;
    const { type, schema_name: schema, table_name: table = '', cte_map } = node as Node;
    for (const { key } of cte_map?.map ?? []) named.add(foldName(key));
    if (type === 'TABLE_FUNCTION') known = false;
    if (type === 'BASE_TABLE') (schema ? tables : unqualified).add(foldName(schema ? `${schema}.${table}` : table));
    left.push(...Object.values(node));
  }
  return known && [...unqualified].every(name => named.has(name)) ? [...tables].sort() : undefined;
}
