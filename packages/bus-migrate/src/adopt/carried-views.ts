import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format';
import { viewStatements } from '@quantbot/bus-format/views';
import { openTrialDatabase } from '@quantbot/duckdb-process';
import type { KeptColumn } from './kept-column.js';
import { type NamedTable, nameOf } from './names.js';
import type { OldView } from './objects.js';

/** A view of the published database, as in `publish.views` of bus_config.json. */
export interface CarriedView {
  name: string;
  sql: string;
}

/** A view that can be kept, or the reason why it cannot. */
export interface PlannedView extends CarriedView {
  problem: string | null;
}

type TableWithColumns = NamedTable & { columns: readonly KeptColumn[] };

/** Returns views that give the old table names their old columns and types. */
export const viewsOfTables = (tables: readonly TableWithColumns[]): CarriedView[] =>
  tables
    .filter(({ schema, table, canon }) => !(schema === 'canon' && table.toLowerCase() === canon))
    .map(table => ({ name: nameOf(table), sql: selectOf(table) }));

function selectOf({ canon, columns }: TableWithColumns): string {
  const list = columns.map(c =>
    c.restored === identifier(c.name) ? c.restored : `${c.restored} AS ${identifier(c.name)}`,
  );
  return `SELECT ${list.join(', ')} FROM canon.${identifier(canon)}`;
}

/**
 * Tries the views in a database that has the future canonical tables without rows, and no access to
 * files. A view that does not bind there would not work afterwards either.
 */
export async function tryViews(tables: readonly TableWithColumns[], old: readonly OldView[]): Promise<PlannedView[]> {
  const views = [...viewsOfTables(tables), ...old.map(({ schema, view, sql }) => ({ name: `${schema}.${view}`, sql }))];
  const database = await openTrialDatabase(256);
  try {
    const { connection } = database;
    await connection.run(`SET enable_external_access = false`);
    await connection.run('CREATE SCHEMA canon');
    for (const { canon, columns } of tables) {
      const list = columns.map(c => `${identifier(c.canonName)} ${c.canonType}`);
      await connection.run(
        `CREATE TABLE canon.${identifier(canon)} (${[...list, '_seq BIGINT', '_artifact_key VARCHAR'].join(', ')})`,
      );
    }
    return await inOrder(connection, views);
  } finally {
    await database.close();
  }
}

/**
 * Creates views in an order that binds. A database does not store that order, so a view that fails
 * is tried again after the others.
 */
async function inOrder(connection: DuckDBConnection, views: readonly CarriedView[]): Promise<PlannedView[]> {
  const made: PlannedView[] = [];
  let left: PlannedView[] = views.map(view => ({ ...view, problem: null }));
  for (let before = left.length + 1; left.length < before; ) {
    before = left.length;
    const failed: PlannedView[] = [];
    for (const { name, sql } of left) {
      const problem = await problemOf(connection, { name, sql });
      (problem === null ? made : failed).push({ name, sql, problem });
    }
    left = failed;
  }
  return [...made, ...left];
}

async function problemOf(connection: DuckDBConnection, view: CarriedView): Promise<string | null> {
  const own = /^(_bus|_rows|catalog)\./i.exec(view.name);
  if (own !== null) return `the schema ${own[1]} is the bus's own`;
  try {
    for (const statement of viewStatements(view)) await connection.run(statement);
    return null;
  } catch (error) {
    return (error as Error).message.split('\n')[0] ?? '';
  }
}
