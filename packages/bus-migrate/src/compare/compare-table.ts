import { resolve } from 'node:path';
import type { DuckDBConnection, Json } from '@duckdb/node-api';
import { daemonError, identifier, literal } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import type { BusConfig } from '@quantbot/infra/config';
import { lakeAddress, openLake } from '@quantbot/storage/lake';
import { identityOf, limitsOf, type OldDatabase, openOldDatabase, type ReaderLimits } from '../adopt/old-database.js';
import { type ComparedColumn, pairColumns, type SchemaDifference } from './columns.js';
import { findBusTable, findOldTable, oldCatalog } from './find-tables.js';

/** What to compare and how much to show. */
export interface CompareOptions {
  /** `schema.table` in the old database; by default the table of the same name. */
  oldTable?: string;
  /** Columns that identify a row. They tell changed rows from new ones. */
  key: readonly string[];
  /** How many rows of each kind to show. */
  limit: number;
  /** Where DuckDB spills. */
  tempFolder?: string;
}

/** The number of rows of one kind, and the first of them. */
export interface DifferingRows<Row = Record<string, Json>> {
  rows: number;
  shown: Row[];
}

/** A row with the same key in both tables and different values. */
export interface ChangedRow {
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
 * Compares a canonical table with a table of an old database: columns, then rows as a multiset (a
 * row that one table has twice, the other must have twice). NULLs are equal to each other, and
 * numbers are compared exactly. DuckDB's aggregation counts the rows and spills to disk.
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
      bus: `canon.${identifier(busTable)}`,
      old: `${oldCatalog}.${identifier(oldTable.schema)}.${identifier(oldTable.table)}`,
    };
    const { compared, schema } = await pairColumns(connection, from.bus, { catalog: oldCatalog, ...oldTable });
    const keys = checkKey(options.key, compared);
    const rest = { table: busTable, oldTable: `${oldTable.schema}.${oldTable.table}`, schema };
    return { ...rest, ...(await compareRows(connection, from, compared, keys, options.limit, schema)) };
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

function checkKey(key: readonly string[], compared: readonly ComparedColumn[]): string[] {
  return key.map(name => {
    const column = compared.find(candidate => candidate.name.toLowerCase() === name.toLowerCase());
    if (column === undefined)
      throw daemonError('KEY_NOT_FOUND', `There is no column ${name} in both tables.`, {
        details: compared.map(candidate => candidate.name),
      });
    return column.name;
  });
}

async function compareRows(
  connection: DuckDBConnection,
  from: { bus: string; old: string },
  compared: readonly ComparedColumn[],
  keys: readonly string[],
  limit: number,
  schema: SchemaDifference,
): Promise<Omit<Comparison, 'table' | 'oldTable' | 'schema'>> {
  const [busRows, oldRows] = [await countOf(connection, from.bus), await countOf(connection, from.old)];
  const side = (which: 'bus' | 'old') =>
    `SELECT ${[...compared.map(c => `${c[which]} AS ${identifier(c.name)}`), `${which === 'bus' ? 1 : -1} AS __more`].join(', ')} FROM ${from[which]}`;
  // Positive: the bus has this many more of the row. Negative: the old table has.
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE __differing AS
     SELECT * EXCLUDE (__more), sum(__more) AS __more FROM (${side('bus')} UNION ALL ${side('old')}) GROUP BY ALL HAVING sum(__more) <> 0`,
  );
  const changed = keys.length === 0 ? null : await changedRows(connection, compared, keys, limit);
  const without = changed === null ? '' : ` AND NOT ${isChanged(keys)}`;
  const onlyInBus = await differing(connection, `__more > 0${without}`, limit);
  const onlyInOld = await differing(connection, `__more < 0${without}`, limit);
  const sameColumns = [schema.onlyInBus, schema.onlyInOld, schema.types].every(list => list.length === 0);
  const sameRows = onlyInBus.rows + onlyInOld.rows + (changed?.rows ?? 0) === 0;
  return { equal: sameColumns && sameRows, busRows, oldRows, onlyInBus, onlyInOld, changed };
}

async function countOf(connection: DuckDBConnection, from: string): Promise<number> {
  const [row] = await query<{ n: bigint }>(connection, `SELECT count(*) AS n FROM ${from}`);
  return Number(row?.n ?? 0);
}

async function differing(connection: DuckDBConnection, where: string, limit: number): Promise<DifferingRows> {
  const [row] = await query<{ n: bigint | number | null }>(
    connection,
    `SELECT CAST(coalesce(sum(abs(__more)), 0) AS BIGINT) AS n FROM __differing d WHERE ${where}`,
  );
  const reader = await connection.runAndReadAll(
    `SELECT * EXCLUDE (__more) FROM __differing d WHERE ${where} ORDER BY ALL LIMIT ${limit}`,
  );
  return { rows: Number(row?.n ?? 0), shown: reader.getRowObjectsJson() };
}

const sameKey = (keys: readonly string[], a: string, b: string): string =>
  keys.map(key => `${a}.${identifier(key)} IS NOT DISTINCT FROM ${b}.${identifier(key)}`).join(' AND ');

/** Returns SQL for whether the other table has a different row with the key of `d`. */
const isChanged = (keys: readonly string[]): string =>
  `EXISTS (FROM __differing o WHERE sign(o.__more) = -sign(d.__more) AND ${sameKey(keys, 'o', 'd')})`;

async function changedRows(
  connection: DuckDBConnection,
  compared: readonly ComparedColumn[],
  keys: readonly string[],
  limit: number,
): Promise<DifferingRows<ChangedRow>> {
  const pairs = `FROM __differing b JOIN __differing o ON b.__more > 0 AND o.__more < 0 AND ${sameKey(keys, 'b', 'o')}`;
  const [row] = await query<{ n: bigint }>(connection, `SELECT count(*) AS n ${pairs}`);
  const list = compared.flatMap(({ name }, i) => [
    `b.${identifier(name)} AS b${i}`,
    `o.${identifier(name)} AS o${i}`,
    `b.${identifier(name)} IS DISTINCT FROM o.${identifier(name)} AS d${i}`,
  ]);
  const order = keys.map(key => `b.${identifier(key)}`).join(', ');
  const reader = await connection.runAndReadAll(`SELECT ${list.join(', ')} ${pairs} ORDER BY ${order} LIMIT ${limit}`);
  const shown = reader.getRowObjectsJson().map((values): ChangedRow => {
    const named = compared.map(({ name }, i) => ({
      name,
      bus: values[`b${i}`] ?? null,
      old: values[`o${i}`] ?? null,
      differs: values[`d${i}`] === true,
    }));
    return {
      key: Object.fromEntries(named.filter(c => keys.includes(c.name)).map(c => [c.name, c.bus])),
      columns: Object.fromEntries(named.filter(c => c.differs).map(c => [c.name, { bus: c.bus, old: c.old }])),
    };
  });
  return { rows: Number(row?.n ?? 0), shown };
}
