import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { query } from '../duckdb.js';
import { daemonError } from '../errors.js';
import { identifier, literal } from '../sql.js';

/** Which tables are compared, and how. */
export interface CompareOptions {
  /** The published database. */
  database: string;
  /** A canonical table's name, without its schema. */
  table: string;
  /** Another database file. */
  oldDatabase: string;
  /** `schema.table` or `table` in it; looked for as `canon.<table>`, then as `main.<table>` when absent. */
  oldTable?: string;
  /** Columns that identify a row: rows with one key on both sides are then shown as changed. */
  key?: readonly string[];
  /** At most so many differing rows are shown of each kind. */
  limit: number;
  memoryMb: number;
}

/** Every value as DuckDB writes it; NULL as null. */
export type TextRow = Record<string, string | null>;

/** How two tables differ. A row that is there twice in one and once in the other counts as one that differs. */
export interface Comparison {
  equal: boolean;
  oldTable: string;
  rows: number;
  oldRows: number;
  /** Columns of only one side; they are left out of the comparison of rows. */
  onlyColumns: string[];
  onlyOldColumns: string[];
  /** Columns whose types differ; the old values are compared as values of the new type. */
  otherTypes: { column: string; type: string; oldType: string }[];
  onlyRows: number;
  onlyOldRows: number;
  /** Only with a key: it is on both sides, with other values. Not counted among the two above. */
  changedRows: number;
  samples: {
    only: TextRow[];
    onlyOld: TextRow[];
    changed: { key: TextRow; columns: Record<string, readonly [old: string | null, now: string | null]> }[];
  };
}

interface Column {
  column_name: string;
  column_type: string;
}

/** Columns by which the bus says where a row comes from. */
const originColumns = new Set(['_seq', '_artifact_key']);

/**
 * Compares a canonical table with a table of another database, as bags of rows: order does not count, how often a row is there does,
 * NULL equals NULL. What does not fit into memory is put into temporary files.
 *
 * @throws DaemonError `DATABASE_UNREADABLE`, `TABLE_NOT_FOUND`, `COLUMN_NOT_FOUND`.
 */
export async function compareTable(options: CompareOptions): Promise<Comparison> {
  const spill = await mkdtemp(join(tmpdir(), 'quantbot-compare-'));
  try {
    return await withBoth(options, spill, connection => compare(connection, options));
  } finally {
    await rm(spill, { recursive: true, force: true });
  }
}

async function withBoth<T>(
  { database, oldDatabase, memoryMb }: CompareOptions,
  spill: string,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const unreadable = (path: string) => (cause: Error) => {
    throw daemonError('DATABASE_UNREADABLE', `${path} cannot be read.`, { cause, details: [firstLine(cause)] });
  };
  const settings = { access_mode: 'READ_ONLY', memory_limit: `${memoryMb}MB`, temp_directory: spill };
  const instance = await DuckDBInstance.create(database, settings).catch(unreadable(database));
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    await connection.run(`ATTACH ${literal(oldDatabase)} AS _old (READ_ONLY)`).catch(unreadable(oldDatabase));
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function compare(connection: DuckDBConnection, options: CompareOptions): Promise<Comparison> {
  const now = `canon.${identifier(options.table)}`;
  const columns = (await describe(connection, now))?.filter(column => !originColumns.has(column.column_name));
  if (columns === undefined) throw notFound(`canon.${options.table}`, options.database);
  const { name: oldTable, sql: old, columns: oldColumns } = await findOld(connection, options);
  const oldTypes = new Map(oldColumns.map(column => [column.column_name.toLowerCase(), column.column_type]));
  const names = new Set(columns.map(column => column.column_name.toLowerCase()));
  const common = columns.filter(column => oldTypes.has(column.column_name.toLowerCase()));
  const key = keyOf(options, common);
  await connection.run(differencesSql(now, old, common));
  const counts = await countAll(connection, now, old, key);
  const found = {
    oldTable,
    ...counts,
    onlyColumns: namesOf(columns.filter(column => !oldTypes.has(column.column_name.toLowerCase()))),
    onlyOldColumns: namesOf(
      oldColumns.filter(({ column_name: name }) => !names.has(name.toLowerCase()) && !originColumns.has(name)),
    ),
    otherTypes: common.flatMap(({ column_name: column, column_type: type }) => {
      const oldType = oldTypes.get(column.toLowerCase()) as string;
      return oldType === type ? [] : [{ column, type, oldType }];
    }),
    samples: await sample(connection, namesOf(common), key, options.limit),
  };
  const differences = [found.onlyRows, found.onlyOldRows, found.changedRows].some(count => count > 0);
  return { equal: !differences && found.onlyColumns.length + found.onlyOldColumns.length === 0, ...found };
}

const namesOf = (columns: readonly Column[]): string[] => columns.map(column => column.column_name);

async function describe(connection: DuckDBConnection, table: string): Promise<Column[] | undefined> {
  try {
    return await query<Column & Record<string, never>>(connection, `DESCRIBE SELECT * FROM ${table}`);
  } catch (error) {
    if (/does not exist/i.test((error as Error).message)) return undefined;
    throw error;
  }
}

async function findOld(connection: DuckDBConnection, { table, oldTable, oldDatabase }: CompareOptions) {
  const [schema, name] = oldTable?.includes('.') ? splitOnce(oldTable) : [undefined, oldTable ?? table];
  for (const place of schema === undefined ? ['canon', 'main'] : [schema]) {
    const sql = `_old.${identifier(place)}.${identifier(name)}`;
    const columns = await describe(connection, sql);
    if (columns !== undefined) return { name: `${place}.${name}`, sql, columns };
  }
  throw notFound(oldTable ?? table, oldDatabase);
}

function splitOnce(name: string): [string, string] {
  const dot = name.indexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

const notFound = (table: string, database: string) =>
  daemonError('TABLE_NOT_FOUND', `There is no table ${table} in ${database}.`);

function keyOf({ key = [], table }: CompareOptions, common: readonly Column[]): string[] {
  return key.map(wanted => {
    const column = namesOf(common).find(name => name.toLowerCase() === wanted.toLowerCase());
    if (column !== undefined) return column;
    throw daemonError('COLUMN_NOT_FOUND', `The key's column ${wanted} is not in both tables.`, {
      details: [`canon.${table} and the old table have ${namesOf(common).join(', ')}`],
    });
  });
}

/** A row of `_differences` is a row of either side, and how many more the bus has of it (fewer: negative). */
function differencesSql(now: string, old: string, common: readonly Column[]): string {
  const names = namesOf(common).map(identifier);
  const oldNames = common.map(
    ({ column_name: name, column_type: type }) => `TRY_CAST(${identifier(name)} AS ${type}) AS ${identifier(name)}`,
  );
  return `CREATE TEMP TABLE _differences AS SELECT * FROM (
SELECT ${[...names, 'sum(_quantbot_side) AS _quantbot_more'].join(', ')} FROM (
SELECT ${[...names, '1 AS _quantbot_side'].join(', ')} FROM ${now} UNION ALL SELECT ${[...oldNames, '-1 AS _quantbot_side'].join(', ')} FROM ${old}
) GROUP BY ${names.length === 0 ? '()' : names.join(', ')}) WHERE _quantbot_more <> 0`;
}

/** Keys that one row of each side has, and no other. */
const changedKeys = (key: readonly string[]): string =>
  `SELECT ${key.map(identifier).join(', ')} FROM _differences GROUP BY ALL HAVING count(*) = 2 AND min(_quantbot_more) = -1 AND max(_quantbot_more) = 1`;

const sameKey = (key: readonly string[], a: string, b: string): string =>
  key.map(name => `${a}.${identifier(name)} IS NOT DISTINCT FROM ${b}.${identifier(name)}`).join(' AND ');

const unchanged = (key: readonly string[]): string =>
  key.length === 0 ? 'true' : `NOT EXISTS (SELECT 1 FROM (${changedKeys(key)}) k WHERE ${sameKey(key, 'k', 'd')})`;

async function countAll(connection: DuckDBConnection, now: string, old: string, key: readonly string[]) {
  const [row] = await query<Record<string, bigint>>(
    connection,
    `SELECT (SELECT count(*) FROM ${now}) AS "rows", (SELECT count(*) FROM ${old}) AS old_rows,
(SELECT coalesce(sum(_quantbot_more), 0) FROM _differences d WHERE _quantbot_more > 0 AND ${unchanged(key)}) AS only_rows,
(SELECT coalesce(-sum(_quantbot_more), 0) FROM _differences d WHERE _quantbot_more < 0 AND ${unchanged(key)}) AS only_old_rows,
${key.length === 0 ? '0' : `(SELECT count(*) FROM (${changedKeys(key)}))`} AS changed_rows`,
  );
  const count = (name: string) => Number(row?.[name] ?? 0);
  return {
    rows: count('rows'),
    oldRows: count('old_rows'),
    onlyRows: count('only_rows'),
    onlyOldRows: count('only_old_rows'),
    changedRows: count('changed_rows'),
  };
}

async function sample(
  connection: DuckDBConnection,
  columns: readonly string[],
  key: readonly string[],
  limit: number,
): Promise<Comparison['samples']> {
  const texts = (from: string, prefix = '') =>
    columns.map(name => `CAST(${from}.${identifier(name)} AS VARCHAR) AS ${identifier(`${prefix}${name}`)}`).join(', ');
  const some = (sign: string) =>
    query<TextRow>(
      connection,
      `SELECT ${texts('d')} FROM _differences d WHERE _quantbot_more ${sign} 0 AND ${unchanged(key)} ORDER BY ALL LIMIT ${limit}`,
    );
  const changed =
    key.length === 0
      ? []
      : await query<TextRow>(
          connection,
          `SELECT ${texts('o', 'old ')}, ${texts('n', 'now ')} FROM (${changedKeys(key)}) k
JOIN _differences o ON o._quantbot_more < 0 AND ${sameKey(key, 'k', 'o')} JOIN _differences n ON n._quantbot_more > 0 AND ${sameKey(key, 'k', 'n')}
ORDER BY ALL LIMIT ${limit}`,
        );
  const value = (row: TextRow, name: string): string | null => row[name] ?? null;
  return {
    only: await some('>'),
    onlyOld: await some('<'),
    changed: changed.map(row => ({
      key: Object.fromEntries(key.map(name => [name, value(row, `now ${name}`)])),
      columns: Object.fromEntries(
        columns
          .map(name => [name, [value(row, `old ${name}`), value(row, `now ${name}`)]] as const)
          .filter(([, [before, after]]) => before !== after),
      ),
    })),
  };
}

const firstLine = (error: Error): string => error.message.split('\n')[0] as string;
