import type { DuckDBConnection } from '@duckdb/node-api';
import { daemonError, literal } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { foldName } from '@quantbot/infra/bus';

/** The catalog name of the attached old database. */
export const oldCatalog = 'old_database';

/**
 * Returns the canonical table of a name, which may begin with `canon.`.
 *
 * @throws DaemonError `TABLE_NOT_FOUND`.
 */
export async function findBusTable(connection: DuckDBConnection, name: string): Promise<string> {
  const tables = await query<{ name: string }>(
    connection,
    'SELECT table_name AS name FROM catalog.tables_d ORDER BY ALL',
  );
  const found = tables.find(table => table.name === name.replace(/^canon\./i, '').toLowerCase());
  if (found !== undefined) return found.name;
  throw daemonError('TABLE_NOT_FOUND', `The bus has no table canon.${name}.`, {
    details: tables.map(table => table.name),
  });
}

/**
 * Returns the named table; by default the table of the same name in `canon`, in `main`, or in the
 * only schema that has one.
 */
export async function findOldTable(
  connection: DuckDBConnection,
  name: string,
  wanted: string | undefined,
): Promise<{ schema: string; table: string }> {
  const all = await query<{ schema: string; table: string }>(
    connection,
    `SELECT table_schema AS schema, table_name AS "table" FROM information_schema.tables
     WHERE table_catalog = ${literal(oldCatalog)} ORDER BY ALL`,
  );
  const called = (text: string) =>
    all.filter(({ schema, table }) => [`${schema}.${table}`, table].some(t => foldName(t) === foldName(text)));
  const plain = name.replace(/^canon\./i, '');
  const candidates = wanted === undefined ? [`canon.${plain}`, `main.${plain}`, plain] : [wanted];
  for (const candidate of candidates) {
    const [found, second] = called(candidate);
    if (found !== undefined && second === undefined) return found;
  }
  throw daemonError('TABLE_NOT_FOUND', `The old database does not have exactly one table ${wanted ?? plain}.`, {
    hint: 'Name it with `--old-table main.trades`.',
    details: all.map(({ schema, table }) => `${schema}.${table}`),
  });
}
