import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { emptyCommit } from '@quantbot/bus-format/journal';
import { identifier, literal, literalList } from '@quantbot/bus-format/sql';
import { DuckDb } from '../open-duckdb.js';
import { resolveMapping } from '../types/mapping.js';
import { attachPublished, published } from './attach.js';

/** The canonical tables of a published database, for a reader of all of them. */
export interface ListedTables {
  /** The database in memory: the catalog is `_published.catalog`. */
  database: DuckDb;
  /**
   * Runs `work` while `canon.<table>` exists in the database, with the commits that were in `hot/`
   * when it was opened.
   */
  withTable<T>(table: string, work: () => Promise<T>): Promise<T>;
}

/**
 * Opens the canonical tables of a published database, one after the other. It lists `hot/` once.
 * A live view lists it for each query, so queries of all tables would cost the square of their
 * number.
 *
 * @param hot the folder of the commits.
 * @throws StorageError as `openDuckDb`.
 */
export async function openListedTables(path: string, hot: string): Promise<ListedTables> {
  const database = new DuckDb(path, await attachPublished(path), resolveMapping({}));
  try {
    await copyJournal(database);
    const statements = await viewsOf(database);
    const files = await filesByTable(hot);
    return { database, withTable: (table, work) => withTable(database, table, { statements, files }, work) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** The schemas of a canonical table's views. Those of the second read those of the first. */
const viewSchemas = ['_rows', 'canon'];

async function copyJournal(database: DuckDb): Promise<void> {
  for (const schema of ['_bus', ...viewSchemas]) await database.query(`CREATE SCHEMA ${schema}`);
  const macros = await database.query(
    `SELECT function_name AS name, parameters, macro_definition AS body FROM duckdb_functions() WHERE database_name = ${literal(published)} AND schema_name = '_bus'`,
  );
  for (const { name, parameters, body } of macros)
    await database.query(`CREATE MACRO _bus.${identifier(name)}(${parameters.map(identifier).join(', ')}) AS ${body}`);
  await database.query(`CREATE TABLE _bus.hot_journal AS SELECT * FROM ${published}._bus.hot_journal`);
  for (const view of ['journal', 'here'])
    await database.query(`CREATE VIEW _bus.${view} AS SELECT * FROM ${published}._bus.${view}`);
}

/** Returns the CREATE VIEW statements of each table. */
async function viewsOf(database: DuckDb): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const views = await database.query(
    `SELECT view_name AS name, sql FROM duckdb_views() WHERE database_name = ${literal(published)} AND schema_name IN (${viewSchemas.map(literal).join(', ')}) ORDER BY schema_name = 'canon'`,
  );
  for (const { name, sql } of views) found.set(name, [...(found.get(name) ?? []), sql]);
  return found;
}

/** Returns the files in `hot/` by table and generation, as `table~0`. */
async function filesByTable(hot: string): Promise<Map<string, string[]>> {
  const files = new Map<string, string[]>();
  for (const commit of (await readdir(hot)).sort())
    for (const name of await readdir(join(hot, commit)).catch(() => [])) {
      const [, table] = /^([^~]+~\d+)~.*\.parquet$/.exec(name) ?? [];
      if (table === undefined) continue;
      const known = files.get(table);
      if (known === undefined) files.set(table, [join(hot, commit, name)]);
      else known.push(join(hot, commit, name));
    }
  return files;
}

async function withTable<T>(
  database: DuckDb,
  table: string,
  of: { statements: Map<string, string[]>; files: Map<string, string[]> },
  work: () => Promise<T>,
): Promise<T> {
  const statements = of.statements.get(table) ?? [];
  const files: string[] = [];
  // The files have the first name of the table, and the view may have a later one.
  const [, first = table] = /([^/~]+)~0~\*\.parquet'/.exec(statements[0] ?? '') ?? [];
  // A newer daemon may have written files of a generation that this database does not read.
  for (let generation = 0; statements[0]?.includes(`/${first}~${generation}~*.parquet'`); generation++)
    files.push(...(of.files.get(`${first}~${generation}`) ?? []));
  const after = await positionAfter(database, statements[0] ?? '');
  const needed = files.filter(path => path > after || basename(dirname(path)) === emptyCommit);
  await database.query(`CREATE OR REPLACE MACRO _bus.hot_files(empty, globs) AS ${literalList(needed)}`);
  try {
    for (const statement of statements) await database.query(statement);
    return await work();
  } finally {
    for (const schema of viewSchemas.toReversed())
      await database.query(`DROP VIEW IF EXISTS ${schema}.${identifier(table)}`);
  }
}

/**
 * Returns the path after which a view reads files in `hot/`. Do not name earlier ones: the daemon
 * may delete them, because this database does not need them.
 */
async function positionAfter(database: DuckDb, statement: string): Promise<string> {
  const [, position] = /\(filename > (_bus\.compacted\(\)|'(?:[^']|'')*')\)/.exec(statement) ?? [];
  if (position === undefined) return '';
  const [row] = await database.query<{ position: string }>(`SELECT ${position} AS position`);
  return row?.position ?? '';
}
