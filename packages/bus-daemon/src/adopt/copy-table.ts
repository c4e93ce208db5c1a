import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, faultPoint, makeFolderDurable, renameDurable, syncFile } from '@quantbot/infra';
import { query } from '../duckdb.js';
import { daemonError } from '../errors.js';
import { literal } from '../sql.js';
import { hashOfRows } from '../worker/content.js';
import { copyOptions } from '../worker/copy.js';
import { nameOf } from './names.js';
import type { OldDatabase } from './old-database.js';
import { asCanonical, rowsToWrite } from './old-table.js';
import type { PlannedTable } from './plan.js';
import type { AdoptedTable } from './record.js';

/** Where a table's file is before it is submitted. */
export const fileOf = (folder: string, canon: string): string => join(folder, `${canon}.parquet`);

/**
 * Writes a table as Parquet and compares what was written with the table: number of rows, and a hash of all values. A file that an earlier run
 * has finished is compared again and kept.
 *
 * @throws DaemonError `ADOPTION_MISMATCH` when the file does not hold what the table does.
 */
export async function copyTable(
  { connection }: OldDatabase,
  folder: string,
  table: PlannedTable,
  metadata: Record<string, string>,
): Promise<AdoptedTable> {
  const path = fileOf(folder, table.canon);
  await makeFolderDurable(folder);
  if (!(await exists(path))) {
    const unfinished = join(folder, `.${table.canon}.tmp`);
    await rm(unfinished, { force: true });
    const options = copyOptions({ compression: 'zstd', metadata });
    await query(connection, `COPY (${rowsToWrite(table, table.columns)}) TO ${literal(unfinished)} (${options})`);
    await syncFile(unfinished);
    faultPoint('adopt:file-written');
    await renameDurable(unfinished, path);
  }
  const old = await hashOfRows(connection, asCanonical(table.columns, `(${rowsToWrite(table, table.columns)})`));
  const written = await hashOfRows(connection, asCanonical(table.columns, parquet(path)));
  if (old.hash !== written.hash || old.rows !== written.rows) {
    await rm(path, { force: true });
    throw mismatch(`the file of ${nameOf(table)}`, old, written);
  }
  faultPoint('adopt:table-copied');
  const { schema, table: name, canon, columns } = table;
  return { schema, table: name, canon, kind: kindOf(canon), columns, ...old };
}

/** A Parquet file as SQL reads it. */
export const parquet = (path: string): string => `read_parquet(${literal(path)}, hive_partitioning = false)`;

/** What is told when rows are not what they were. */
export const mismatch = (
  what: string,
  old: { rows: number; hash: string },
  found: { rows: number; hash: string },
  hint?: string,
): Error =>
  daemonError('ADOPTION_MISMATCH', `What is in ${what} is not what the old table has.`, {
    details: [`old table: ${old.rows} rows, hash ${old.hash}`, `${what}: ${found.rows} rows, hash ${found.hash}`],
    ...(hint !== undefined && { hint }),
  });

/** An id cannot begin with an underscore, a table can. */
const kindOf = (canon: string): string => (canon.startsWith('_') ? `t${canon}` : canon);
