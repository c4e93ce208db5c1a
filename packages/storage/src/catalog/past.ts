import {
  backSinceQuery,
  columnsQuery,
  forgottenQuery,
  type JournalledTableOperation,
  type ListedTable,
  modeNamed,
  namesGivenBy,
  type StoredRows,
  storedRows,
  type TableNames,
  tableOperationOf,
  tableOperationsQuery,
  tablesQuery,
} from '@quantbot/bus-format/canon';
import { type DeclaredColumn, identifier, literal, selectList } from '@quantbot/bus-format/sql';
import { forgottenSince, storageError } from '../errors.js';
import { DuckDb } from '../open-duckdb.js';
import { resolveMapping } from '../types/mapping.js';
import { attachPublished, published } from './attach.js';

/**
 * The schemas of the published database. Only the journal must be truncated: everything else is
 * views over it.
 */
const schemas = ['_bus', 'catalog', 'canon'];

/**
 * Opens an in-memory database with the published views as they were after a job: the journal ends
 * there, and canonical tables hold the artifacts up to there. It keeps the published database open,
 * and so its files.
 */
export async function openPast(path: string, seq: number): Promise<DuckDb> {
  return withPast(new DuckDb(path, await attachPublished(path), resolveMapping({})), seq);
}

/** Runs {@link makePast}, and closes the database if that fails. */
export async function withPast(database: DuckDb, seq: number): Promise<DuckDb> {
  try {
    await makePast(database, seq);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Creates the views of {@link openPast} in a database to which the published one is attached. */
export async function makePast(database: Pick<DuckDb, 'query'>, seq: number): Promise<void> {
  for (const schema of schemas) await database.query(`CREATE SCHEMA ${schema}`);
  await database.query(`CREATE VIEW _bus.journal AS SELECT * FROM ${published}._bus.journal WHERE seq <= ${seq}`);
  // What is forgotten today is not there for a reader of the past either.
  if (await isPublished(database, 'forgotten'))
    await database.query(
      `CREATE VIEW _bus.forgotten AS SELECT f.* FROM ${published}._bus.forgotten f SEMI JOIN _bus.journal j ON j.artifact_key = f.artifact_key AND j.status = 'ingested'`,
    );
  // The files are where they are today.
  if (await isPublished(database, 'places'))
    await database.query(`CREATE VIEW _bus.places AS FROM ${published}._bus.places`);
  const views = await database.query(
    `SELECT sql FROM duckdb_views() WHERE database_name = ${literal(published)} AND schema_name = 'catalog'`,
  );
  // DuckLake returns the statements of views without their schema.
  await database.query('USE memory.catalog');
  await createAll(
    database,
    views.map(view => view.sql as string),
  );
  await database.query('USE memory');
  const operations = await operationsOn(database);
  const names = namesGivenBy(operations);
  const back = (await database.query(backSinceQuery(`${published}._bus.journal`, seq))).map(row =>
    String(row.artifact_key),
  );
  const past: Past = { seq, operations, names, namesThen: names.before(seq + 1), back };
  await listTablesAsTheyWere(database, past);
  for (const table of await database.query('SELECT table_name, mode, key, order_by FROM catalog.tables_d'))
    await database.query(await canonicalView(database, table as unknown as TableRow, past));
}

/** Whether the published database has a view of the schema `_bus`. */
async function isPublished(database: Pick<DuckDb, 'query'>, view: string): Promise<boolean> {
  const found = await database.query(
    `SELECT 1 FROM duckdb_views() WHERE database_name = ${literal(published)} AND schema_name = '_bus' AND view_name = ${literal(view)}`,
  );
  return found.length > 0;
}

/**
 * Creates views that read one another, in any order: a view that fails is retried after the others.
 */
async function createAll(database: Pick<DuckDb, 'query'>, statements: readonly string[]): Promise<void> {
  const left: string[] = [];
  let problem: unknown;
  for (const statement of statements) {
    try {
      await database.query(statement);
    } catch (error) {
      problem = error;
      left.push(statement);
    }
  }
  if (left.length === statements.length && problem !== undefined) throw problem;
  if (left.length > 0) await createAll(database, left);
}

/** A moment, and what operations on tables say about it. */
interface Past {
  seq: number;
  /** All of them, also later ones, oldest first. */
  operations: readonly JournalledTableOperation[];
  /** The names of tables today. */
  names: TableNames;
  /** Their names at the moment. */
  namesThen: TableNames;
  /** Artifacts whose rows had left by then, and came back later. */
  back: readonly string[];
}

interface TableRow {
  table_name: string;
  mode: string;
  key: string[];
  order_by: string[];
}

/**
 * Returns `canon.<table>` as it was. A table that only grows still has every row. Any other table
 * has dropped superseded rows. So it is read from the store's files. Both leave out artifacts whose
 * rows had left the table by then.
 */
async function canonicalView(
  database: Pick<DuckDb, 'query'>,
  { table_name, mode: name, key, order_by }: TableRow,
  { seq, operations, names, namesThen, back }: Past,
): Promise<string> {
  const first = namesThen.tableNamed(table_name) ?? table_name;
  const view = `CREATE VIEW canon.${identifier(table_name)} AS`;
  const today = `${published}.canon.${identifier(names.nameOf(first))}`;
  const mode = modeNamed(name);
  if (mode === undefined)
    throw storageError(
      'DATABASE_INVALID',
      `canon.${table_name} has the mode ${name}, which this version does not know.`,
      {
        hint: 'Upgrade @quantbot/storage to the version of the daemon.',
      },
    );
  const own = operations.filter(({ table, type }) => table === first && type !== 'table_rename');
  const hasChanged = own.some(operation => operation.seq > seq);
  const isBack = back.length === 0 ? '' : ` AND _artifact_key NOT IN (${back.map(literal).join(', ')})`;
  if (mode.onlyGrows && !hasChanged) return `${view} SELECT * FROM ${today} WHERE _seq <= ${seq}${isBack}`;
  const columns = (await database.query(
    'SELECT column_name AS name, type, unnamed FROM catalog.columns_d WHERE table_name = ? ORDER BY position',
    [table_name],
  )) as unknown as DeclaredColumn[];
  const artifacts = (await database.query(
    `SELECT canonical_path AS path, seq, ordinal, artifact_key AS "artifactKey", forgotten_at AS "forgottenAt" FROM catalog.artifacts_f
     ANTI JOIN (${forgottenQuery('_bus.journal')}) gone ON gone.artifact_key = artifacts_f.artifact_key AND gone.status = 'erased'
     WHERE schema_hint LIKE 'canon.%' AND ${names.tableSql()} = ? AND seq > ${startAt(own, seq)} ORDER BY seq, ordinal`,
    [first],
  )) as unknown as (StoredRows & { forgottenAt: Date | null })[];
  const newest = artifacts.at(-1)?.seq;
  if (newest === undefined) return `${view} ${hasChanged ? noRow(columns) : `SELECT * FROM ${today}`} WHERE false`;
  const used = mode.onlyNewestJob ? artifacts.filter(artifact => artifact.seq === newest) : artifacts;
  const gone = used.filter(({ forgottenAt }) => forgottenAt !== null).map(({ artifactKey }) => artifactKey);
  if (gone.length > 0) return `${view} ${failure(columns, forgottenSince(table_name, seq, gone))}`;
  const rows = mode.shown(storedRows(columns, used), { key, orderBy: order_by, columns }, String(newest));
  return `${view} SELECT ${selectList(columns)}, _seq, _artifact_key FROM (${rows})`;
}

/** Returns every operation on canonical tables, also later ones, oldest first. */
async function operationsOn(database: Pick<DuckDb, 'query'>): Promise<JournalledTableOperation[]> {
  const rows = await database.query(tableOperationsQuery(`${published}._bus.journal`));
  return rows.map(row => tableOperationOf(row as unknown as Parameters<typeof tableOperationOf>[0]));
}

/**
 * Lists the tables as they were, if operations have changed some since. The first later operation
 * on a table says how it found it.
 */
async function listTablesAsTheyWere(
  database: Pick<DuckDb, 'query'>,
  { seq, operations, names, namesThen }: Past,
): Promise<void> {
  const changed = new Map<string, JournalledTableOperation>();
  for (const operation of operations)
    if (operation.seq > seq && !changed.has(operation.table)) changed.set(operation.table, operation);
  if (changed.size === 0) return;
  const rows = (await database.query(
    `SELECT table_name, mode, key, order_by, (SELECT list({name: column_name, type: type, required: required, fixedBy: fixed_by, unnamed: unnamed} ORDER BY position)
       FROM catalog.columns_d c WHERE c.table_name = t.table_name) AS columns FROM catalog.tables_d t`,
  )) as unknown as (TableRow & { columns: ListedTable['columns'] | null })[];
  const tables: ListedTable[] = rows
    .map(({ table_name, ...row }) => ({ ...row, table: names.tableNamed(table_name) ?? table_name }))
    .filter(({ table }) => !changed.has(table))
    .map(({ table, mode, key, order_by: orderBy, columns }) => ({
      ...namedIn(namesThen, table),
      mode,
      key,
      orderBy,
      columns: columns ?? [],
      after: startAt(
        operations.filter(operation => operation.table === table),
        seq,
      ),
    }));
  for (const [table, { before }] of changed)
    if (before !== null) tables.push({ ...namedIn(namesThen, table), ...before });
  await database.query(`CREATE OR REPLACE VIEW catalog.tables_d AS ${tablesQuery(tables)}`);
  await database.query(`CREATE OR REPLACE VIEW catalog.columns_d AS ${columnsQuery(tables)}`);
}

const namedIn = (names: TableNames, table: string): Pick<ListedTable, 'name' | 'hints'> => ({
  name: names.nameOf(table),
  hints: names.hintsOf(table),
});

/** Returns the drop whose earlier artifacts were not in a table at a moment, or 0. */
function startAt(own: readonly JournalledTableOperation[], seq: number): number {
  const last = own.findLast(
    operation => operation.seq <= seq && ['table_drop', 'table_restore'].includes(operation.type),
  );
  return last?.type === 'table_drop' ? last.seq : 0;
}

/** Returns the SELECT of a table that has no view today. */
const noRow = (columns: readonly DeclaredColumn[]): string => `SELECT ${cellsOf(columns, 'NULL')}`;

/**
 * Returns the SELECT of a table that cannot be read any more. Each value is the error, too: a
 * condition of the query might let no row reach that of the view.
 */
function failure(columns: readonly DeclaredColumn[], reason: string): string {
  const error = `error(${literal(reason)})`;
  return `SELECT ${cellsOf(columns, error)} WHERE ${error}`;
}

const cellsOf = (columns: readonly DeclaredColumn[], value: string): string =>
  [
    ...columns.map(({ name, type }) => `CAST(${value} AS ${type}) AS ${identifier(name)}`),
    `CAST(${value} AS BIGINT) AS _seq`,
    `CAST(${value} AS VARCHAR) AS _artifact_key`,
  ].join(', ');
