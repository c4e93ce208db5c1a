import { identifier, literal } from '@quantbot/bus-format/sql';
import { DuckDb } from '../open-duckdb.js';
import { resolveMapping } from '../types/mapping.js';
import { attachPublished, published } from './attach.js';

/**
 * The schemas of the published database. Only the journal must be cut off: everything else is views
 * over it.
 */
const schemas = ['_bus', 'catalog', 'canon'];

/**
 * Opens an in-memory database with the published views as they were after a job: the journal ends
 * there, and canonical tables hold the artifacts up to there. It keeps the published database open,
 * and so its files.
 */
export async function openPast(path: string, seq: number): Promise<DuckDb> {
  const { connection, shared } = await attachPublished(path);
  const database = new DuckDb(path, shared, connection, resolveMapping({}));
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
  const views = await database.query(
    `SELECT sql FROM duckdb_views() WHERE database_name = ${literal(published)} AND schema_name = 'catalog'`,
  );
  await createAll(
    database,
    views.map(view => view.sql as string),
  );
  for (const table of await database.query('SELECT table_name, mode, key, order_by FROM catalog.tables_d'))
    await database.query(await canonicalView(database, table as unknown as TableRow, seq));
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
  mode: 'append' | 'latest' | 'upsert';
  key: string[];
  order_by: string[];
}

/**
 * `canon.<table>` as it was. Of an append table every row is still there; the others have dropped
 * what was superseded, so they are made of the store's files again (the same definition as in
 * docs/reference/configuration.md, "Modes of canonical tables").
 */
async function canonicalView(
  database: Pick<DuckDb, 'query'>,
  { table_name, mode, key, order_by }: TableRow,
  seq: number,
): Promise<string> {
  const view = `CREATE VIEW canon.${identifier(table_name)} AS`;
  if (mode === 'append')
    return `${view} SELECT * FROM ${published}.canon.${identifier(table_name)} WHERE _seq <= ${seq}`;
  const columns = await database.query(
    'SELECT column_name, type FROM catalog.columns_d WHERE table_name = ? ORDER BY position',
    [table_name],
  );
  const names = columns.map(column => identifier(column.column_name as string)).join(', ');
  const artifacts = await database.query(
    `SELECT canonical_path AS path, seq, ordinal, artifact_key FROM catalog.artifacts_f WHERE lower(schema_hint) = ? ORDER BY seq, ordinal`,
    [`canon.${table_name}`],
  );
  const newest = artifacts.at(-1)?.seq;
  const used = mode === 'latest' ? artifacts.filter(artifact => artifact.seq === newest) : artifacts;
  if (used.length === 0) return `${view} SELECT * FROM ${published}.canon.${identifier(table_name)} WHERE false`;
  const schema = columns.map(
    ({ column_name, type }) =>
      `${literal(column_name as string)}: {name: ${literal(column_name as string)}, type: ${literal(type as string)}, default_value: NULL}`,
  );
  const files = used.map(({ path }) => literal(path as string));
  const origins = used.map(
    a => `(${literal(a.path as string)}, ${a.seq}, ${a.ordinal}, ${literal(a.artifact_key as string)})`,
  );
  // As in the published views: an expression that is always true keeps DuckDB from trusting a
  // writer's statistics.
  const values = columns.map(({ column_name: name }) => {
    const column = identifier(name as string);
    return `CASE WHEN length(f.filename) > 0 THEN f.${column} END AS ${column}`;
  });
  const rows = `SELECT ${values.join(', ')}, o.seq AS _seq, o.artifact_key AS _artifact_key, o.ordinal AS _ordinal, f.file_row_number AS _row
FROM read_parquet([${files.join(', ')}], schema = MAP {${schema.join(', ')}}, filename = true) f
JOIN (VALUES ${origins.join(', ')}) o(path, seq, ordinal, artifact_key) ON f.filename = o.path`;
  const newestFirst = [
    ...order_by.map(name => `${identifier(name)} DESC NULLS LAST`),
    '_seq DESC, _ordinal DESC, _row DESC',
  ];
  const shown =
    mode === 'latest'
      ? ''
      : ` QUALIFY row_number() OVER (PARTITION BY ${key.map(identifier).join(', ')} ORDER BY ${newestFirst.join(', ')}) = 1`;
  return `${view} SELECT ${names}, _seq, _artifact_key FROM (${rows})${shown}`;
}
