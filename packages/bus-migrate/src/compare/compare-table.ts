import { resolve } from 'node:path';
import type { Json } from '@duckdb/node-api';
import { identifier, literal } from '@quantbot/bus-format';
import {
  areEqual,
  type ChangedRow as ChangedPair,
  compareRows,
  type DifferingRows,
  type RowOptions,
} from '@quantbot/duckdb-process/diff';
import type { BusConfig } from '@quantbot/infra/config';
import { lakeAddress, openLake } from '@quantbot/storage/lake';
import { identityOf, limitsOf, type OldDatabase, openOldDatabase, type ReaderLimits } from '../adopt/old-database.js';
import { pairColumns, type SchemaDifference } from './columns.js';
import { findBusTable, findOldTable, oldCatalog } from './find-tables.js';

/** What to compare and how much to show. */
export interface CompareOptions extends RowOptions {
  /** `schema.table` in the old database; by default the table of the same name. */
  oldTable?: string;
  /** Where DuckDB spills. */
  tempFolder?: string;
}

/** A row with the same key in both tables and different values. */
interface ChangedRow {
  key: Record<string, Json>;
  columns: Record<string, { bus: Json; old: Json }>;
}

/** The differences between `canon.<table>` and a table of an old database. */
export interface Comparison {
  table: string;
  oldTable: string;
  equal: boolean;
  busRows: number;
  oldRows: number;
  schema: SchemaDifference;
  onlyInBus: DifferingRows;
  onlyInOld: DifferingRows;
  /** Null without a key. */
  changed: DifferingRows<ChangedRow> | null;
}

/**
 * Compares a canonical table with a table of an old database: columns, then rows, as `compareRows`
 * does.
 *
 * @throws DaemonError `OLD_DATABASE_UNREADABLE`, `OLD_DATABASE_UNMERGED`, `OLD_DATABASE_LOCKED`,
 * `TABLE_NOT_FOUND`, `KEY_NOT_FOUND`.
 */
export async function compareTable(
  config: BusConfig,
  name: string,
  oldPath: string,
  options: CompareOptions,
): Promise<Comparison> {
  await identityOf(resolve(oldPath));
  const usual = limitsOf(config);
  const limits = { ...usual, tempFolder: options.tempFolder ?? usual.tempFolder };
  (await openOldDatabase(resolve(oldPath), limits)).close(); // gives a clear error
  const database = await openBus(config, limits);
  const { connection } = database;
  try {
    await connection.run(`ATTACH ${literal(resolve(oldPath))} AS ${oldCatalog} (READ_ONLY)`);
    const busTable = await findBusTable(connection, name);
    const oldTable = await findOldTable(connection, name, options.oldTable);
    const from = {
      left: `canon.${identifier(busTable)}`,
      right: `${oldCatalog}.${identifier(oldTable.schema)}.${identifier(oldTable.table)}`,
    };
    const { compared, schema } = await pairColumns(connection, from.left, { catalog: oldCatalog, ...oldTable });
    const rows = await compareRows(connection, from, compared, options);
    const sameColumns = [schema.onlyInBus, schema.onlyInOld, schema.types].every(list => list.length === 0);
    return {
      table: busTable,
      oldTable: `${oldTable.schema}.${oldTable.table}`,
      equal: sameColumns && areEqual(rows),
      busRows: rows.leftRows,
      oldRows: rows.rightRows,
      schema,
      onlyInBus: rows.onlyInLeft,
      onlyInOld: rows.onlyInRight,
      changed: rows.changed && { rows: rows.changed.rows, shown: rows.changed.shown.map(changedRow) },
    };
  } finally {
    database.close();
  }
}

/** The published database, or the lake of a cluster. */
async function openBus({ cluster, duckdbPath }: BusConfig, limits: ReaderLimits): Promise<OldDatabase> {
  if (cluster === undefined) return openOldDatabase(duckdbPath, limits);
  const lake = await openLake(await lakeAddress(cluster), { readOnly: true, memoryMb: limits.memoryMb });
  await lake.connection.run(`SET temp_directory = ${literal(limits.tempFolder)}`);
  await lake.connection.run(`SET TimeZone = 'UTC'`);
  await lake.connection.run('USE lake');
  return lake;
}

const changedRow = ({ key, columns }: ChangedPair): ChangedRow => ({
  key,
  columns: Object.fromEntries(
    Object.entries(columns).map(([name, { left, right }]) => [name, { bus: left, old: right }]),
  ),
});
