import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, rm } from 'node:fs/promises';
import { type DuckDBConnection, DuckDBInstance, version as duckdbVersion } from '@duckdb/node-api';
import type { ConfiguredView } from '@quantbot/infra/config';
import { digestFile, syncFile } from '@quantbot/infra/files';
import { breathe } from '../concurrent.js';
import { query } from '../duckdb.js';
import { identifier, literal } from '../sql.js';
import { version } from '../version.js';
import { configuredViewComment, splitViewName, viewStatements } from './view-name.js';
import type { PublicSchema } from './views.js';

/** The input of a database. */
export interface DatabaseSource {
  schema: PublicSchema;
  /** Views of the configuration. */
  configured: readonly ConfiguredView[];
  /** The database that was published before, and its checksum. */
  before: { path: string; sha256: string } | undefined;
  /** Called with each configured view that could not be created. */
  onProblem: (view: ConfiguredView, error: unknown) => void;
}

/** Checksums of the statements behind a database's views, by name, as {@link definitionsView}. */
type Definitions = ReadonlyMap<string, string>;

const definitionsView = '_bus.definitions';
/** A copy made by another version is not reused: it may need other statements around the views. */
const madeBy = `${version} ${duckdbVersion()}`;

/**
 * Builds a database of views at `path`, mode 0444 and flushed. It starts from a copy of the
 * previous database and creates only the views whose statements have changed. So the cost of a new
 * table does not depend on the number of tables.
 */
export async function buildDatabase(path: string, source: DatabaseSource): Promise<void> {
  try {
    const isCopy = source.before !== undefined && (await copySound(source.before, path));
    // If the copy cannot be used, build the database from scratch.
    if (!isCopy || !(await buildIn(path, source, true).catch(() => false))) {
      await remove(path);
      await buildIn(path, source, false);
    }
    // Make it read-only, so that a client that opens it for writing by habit is refused instead of
    // locking out readers.
    await chmod(path, 0o444);
    await syncFile(path);
  } catch (error) {
    await remove(path);
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.wal`, { force: true });
}

/** Copies a database, and returns whether the copy has the published checksum. */
async function copySound(before: { path: string; sha256: string }, path: string): Promise<boolean> {
  try {
    await copyFile(before.path, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    await chmod(path, 0o600);
    return (await digestFile(path)).sha256 === before.sha256;
  } catch {
    return false;
  }
}

/** Returns false for a copy that another version made. */
async function buildIn(path: string, source: DatabaseSource, isCopy: boolean): Promise<boolean> {
  const instance = await DuckDBInstance.create(path, { threads: '1', memory_limit: '128MB' });
  const connection = await instance.connect();
  try {
    const known = isCopy ? await definitionsIn(connection) : new Map<string, string>();
    if (known === undefined) return false;
    await connection.run('BEGIN'); // one flush of its WAL instead of one per view
    await dropConfigured(connection);
    await makeViews(connection, source.schema, known);
    await connection.run('COMMIT');
    // Each in its own transaction: a failed statement aborts its transaction.
    for (const view of source.configured)
      await addConfigured(connection, view).catch(error => source.onProblem(view, error));
    await connection.run('CHECKPOINT');
    return true;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function makeViews(
  connection: DuckDBConnection,
  { before, views, after }: PublicSchema,
  known: Definitions,
): Promise<void> {
  const made = new Map<string, string>();
  for (const statement of before) await connection.run(statement);
  for (const { name, statement, comment } of views) {
    const definition = hash('sha256', statement).slice(0, 16);
    made.set(name, definition);
    if (known.get(name) === definition) await breathe();
    else {
      await connection.run(orReplace(statement));
      if (comment !== undefined) await connection.run(`COMMENT ON VIEW ${name} IS ${literal(comment)}`);
    }
  }
  for (const name of known.keys()) if (!made.has(name)) await connection.run(`DROP VIEW IF EXISTS ${name}`);
  const definitions = JSON.stringify({ madeBy, views: [...made] });
  await connection.run(`CREATE OR REPLACE VIEW ${definitionsView} AS SELECT ${literal(definitions)} AS definitions`);
  for (const statement of after) await connection.run(statement);
}

const orReplace = (statement: string): string => statement.replace(/^CREATE VIEW /, 'CREATE OR REPLACE VIEW ');

async function definitionsIn(connection: DuckDBConnection): Promise<Definitions | undefined> {
  try {
    const [row] = await query<{ definitions: string }>(connection, `SELECT definitions FROM ${definitionsView}`);
    const content = JSON.parse(row?.definitions ?? '{}') as { madeBy?: string; views?: [string, string][] };
    return content.madeBy === madeBy ? new Map(content.views) : undefined;
  } catch {
    return undefined; // an earlier version made it
  }
}

async function dropConfigured(connection: DuckDBConnection): Promise<void> {
  const views = await query<{ schema_name: string; view_name: string }>(
    connection,
    `SELECT schema_name, view_name FROM duckdb_views() WHERE comment = ${literal(configuredViewComment)}`,
  );
  for (const { schema_name: schema, view_name: view } of views)
    await connection.run(`DROP VIEW ${identifier(schema)}.${identifier(view)}`);
}

async function addConfigured(connection: DuckDBConnection, view: ConfiguredView): Promise<void> {
  for (const statement of viewStatements(view)) await connection.run(statement);
  const name = splitViewName(view.name).map(identifier).join('.');
  await connection.run(`COMMENT ON VIEW ${name} IS ${literal(configuredViewComment)}`);
}
