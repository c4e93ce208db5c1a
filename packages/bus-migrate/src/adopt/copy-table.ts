import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { daemonError, literal } from '@quantbot/bus-format';
import type { AdoptedTable } from '@quantbot/bus-format/state';
import { copyOptions, hashOfRows } from '@quantbot/duckdb-process';
import { exists, faultPoint, makeFolderDurable, renameDurable, syncFile } from '@quantbot/infra/files';
import { copyExactly } from '@quantbot/storage/sandbox';
import { nameOf } from './names.js';
import type { OldDatabase } from './old-database.js';
import { keptTexts, oldTexts, rowsToWrite } from './old-table.js';
import type { PlannedTable } from './plan.js';

/** Returns the path of a table's file before it is submitted. */
export const fileOf = (folder: string, canon: string): string => join(folder, `${canon}.parquet`);

/**
 * Writes a table as Parquet and compares the file with the table: number of rows, and a hash of all
 * values. A finished file of an earlier run is compared again and kept.
 *
 * @throws DaemonError `ADOPTION_MISMATCH` if they differ.
 */
export async function copyTable(
  { connection }: OldDatabase,
  folder: string,
  table: PlannedTable,
  metadata: Record<string, string>,
): Promise<AdoptedTable> {
  const path = fileOf(folder, table.canon);
  await makeFolderDurable(folder);
  const write = async () => {
    const unfinished = join(folder, `.${table.canon}.tmp`);
    await rm(unfinished, { force: true });
    const [sql, options] = [rowsToWrite(table, table.columns), copyOptions({ compression: 'zstd', metadata })];
    await copyExactly(connection, { sql, path: unfinished, options, readBack: false }); // compared below
    await syncFile(unfinished);
    faultPoint('adopt:file-written');
    await renameDurable(unfinished, path);
    return readBack(connection, table, path);
  };
  const old = await hashOfRows(connection, oldTexts(table, table.columns));
  const written = (await exists(path)) ? await readBack(connection, table, path) : await write();
  if (written.hash !== old.hash || written.rows !== old.rows) {
    await rm(path, { force: true });
    throw mismatch(`the file of ${nameOf(table)}`, old, written);
  }
  faultPoint('adopt:table-copied');
  const { schema, table: name, canon, columns } = table;
  return { schema, table: name, canon, kind: kindOf(canon), columns, ...old };
}

/** Number and hash of rows. */
type Rows = Awaited<ReturnType<typeof hashOfRows>>;

/** Reads the rows of a file with their intended types. */
async function readBack(
  connection: DuckDBConnection,
  { columns, ...table }: PlannedTable,
  path: string,
): Promise<Rows> {
  const reader = await connection.runAndReadAll(`SELECT * FROM ${parquet(path)} LIMIT 0`);
  const types = reader.columnTypes().map(type => comparable(type.toString()));
  const wrong = columns.filter(({ fileType }, index) => types[index] !== comparable(fileType));
  if (wrong.length > 0)
    throw daemonError('ADOPTION_MISMATCH', `The file of ${nameOf(table)} has other types than were written.`, {
      details: wrong.map(({ canonName, fileType }) => `${canonName}: expected ${fileType}`),
    });
  return hashOfRows(connection, keptTexts(columns, parquet(path)));
}

/** Removes the parts of a type's text that are optional. */
const comparable = (type: string): string => type.replace(/[\s"]/g, '');

/** Returns a Parquet file as a table function in SQL. */
export const parquet = (path: string): string => `read_parquet(${literal(path)}, hive_partitioning = false)`;

/** Returns the error for rows that differ. */
export const mismatch = (
  what: string,
  old: { rows: number; hash: string },
  found: { rows: number; hash: string },
  hint?: string,
): Error =>
  daemonError('ADOPTION_MISMATCH', `The rows of ${what} differ from the rows of the old table.`, {
    details: [`old table: ${old.rows} rows, hash ${old.hash}`, `${what}: ${found.rows} rows, hash ${found.hash}`],
    ...(hint !== undefined && { hint }),
  });

/**
 * Returns the kind of a table's artifact. An id cannot begin with an underscore, but a table can.
 */
const kindOf = (canon: string): string => (canon.startsWith('_') ? `t${canon}` : canon);
