import { modeNamed, type StoredRows, storedRows } from '@quantbot/bus-format/canon';
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
  if (await canForget(database))
    await database.query(
      `CREATE VIEW _bus.forgotten AS SELECT f.* FROM ${published}._bus.forgotten f SEMI JOIN _bus.journal j ON j.artifact_key = f.artifact_key AND j.status = 'ingested'`,
    );
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
  for (const table of await database.query('SELECT table_name, mode, key, order_by FROM catalog.tables_d'))
    await database.query(await canonicalView(database, table as unknown as TableRow, seq));
}

async function canForget(database: Pick<DuckDb, 'query'>): Promise<boolean> {
  const found = await database.query(
    `SELECT 1 FROM duckdb_views() WHERE database_name = ${literal(published)} AND schema_name = '_bus' AND view_name = 'forgotten'`,
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

interface TableRow {
  table_name: string;
  mode: string;
  key: string[];
  order_by: string[];
}

/**
 * Returns `canon.<table>` as it was. A table that only grows still has every row. Any other table
 * has dropped superseded rows, so it is read from the store's files.
 */
async function canonicalView(
  database: Pick<DuckDb, 'query'>,
  { table_name, mode: name, key, order_by }: TableRow,
  seq: number,
): Promise<string> {
  const view = `CREATE VIEW canon.${identifier(table_name)} AS`;
  const today = `${published}.canon.${identifier(table_name)}`;
  const mode = modeNamed(name);
  if (mode === undefined)
    throw storageError(
      'DATABASE_INVALID',
      `canon.${table_name} has the mode ${name}, which this version does not know.`,
      {
        hint: 'Upgrade @quantbot/storage to the version of the daemon.',
      },
    );
  if (mode.onlyGrows) return `${view} SELECT * FROM ${today} WHERE _seq <= ${seq}`;
  const columns = (await database.query(
    'SELECT column_name AS name, type, unnamed FROM catalog.columns_d WHERE table_name = ? ORDER BY position',
    [table_name],
  )) as unknown as DeclaredColumn[];
  const artifacts = (await database.query(
    `SELECT canonical_path AS path, seq, ordinal, artifact_key AS "artifactKey", forgotten_at AS "forgottenAt" FROM catalog.artifacts_f WHERE lower(schema_hint) = ? ORDER BY seq, ordinal`,
    [`canon.${table_name}`],
  )) as unknown as (StoredRows & { forgottenAt: Date | null })[];
  const newest = artifacts.at(-1)?.seq;
  if (newest === undefined) return `${view} SELECT * FROM ${today} WHERE false`;
  const used = mode.onlyNewestJob ? artifacts.filter(artifact => artifact.seq === newest) : artifacts;
  const gone = used.filter(({ forgottenAt }) => forgottenAt !== null).map(({ artifactKey }) => artifactKey);
  if (gone.length > 0)
    return `${view} SELECT ${selectList(columns)}, _seq, _artifact_key FROM ${today} WHERE error(${literal(forgottenSince(table_name, seq, gone))})`;
  const rows = mode.shown(storedRows(columns, used), { key, orderBy: order_by, columns }, String(newest));
  return `${view} SELECT ${selectList(columns)}, _seq, _artifact_key FROM (${rows})`;
}
