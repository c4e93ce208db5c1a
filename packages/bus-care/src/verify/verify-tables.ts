import { type DeclaredColumn, identifier, literalList, schemaMap, selectList } from '@quantbot/bus-format';
import type { TableMode } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { type BusConfig, exists, inFolder } from '@quantbot/infra';
import { type DuckDb, openDuckDb } from '@quantbot/storage';
import type { StoreProblem } from './problem.js';

/** The artifacts of a canonical table, as a verification has found them. */
export interface TableArtifacts {
  /** All rows of all of them. */
  rows: number;
  /** The newest job of the table, and how many rows it brought. */
  newest: { seq: number; rows: number };
  /** Paths relative to the bus root of those whose bytes are as the journal says. */
  sound: string[];
  /** Whether one is missing or damaged. */
  isHurt: boolean;
}

/** Adds an artifact of a table; they come in the order of their jobs. */
export function noteArtifact(
  tables: Map<string, TableArtifacts>,
  table: string,
  { seq, rows, rel_path }: JournalRow,
  isSound: boolean,
): void {
  const known = tables.get(table) ?? { rows: 0, newest: { seq, rows: 0 }, sound: [], isHurt: false };
  known.rows += rows ?? 0;
  known.newest = { seq, rows: (known.newest.seq === seq ? known.newest.rows : 0) + (rows ?? 0) };
  if (isSound) known.sound.push(rel_path ?? '');
  else known.isHurt = true;
  tables.set(table, known);
}

interface ShownTable {
  table_name: string;
  mode: TableMode['mode'];
  key: string[];
}

/**
 * Each canonical table shows what its mode says of the artifacts that it is made of, up to a job. A
 * daemon may commit meanwhile.
 */
export async function checkTables(
  config: BusConfig,
  expected: ReadonlyMap<string, TableArtifacts>,
  lastSeq: number,
): Promise<StoreProblem[]> {
  if (!(await exists(config.duckdbPath))) return [];
  const database = await openDuckDb(config.duckdbPath, { readOnly: true });
  try {
    const problems: StoreProblem[] = [];
    const shown = await database.query<ShownTable>('SELECT table_name, mode, key FROM catalog.tables_d');
    for (const [name, artifacts] of expected) {
      const table = shown.find(({ table_name }) => table_name === name);
      const detail =
        table === undefined
          ? `there is no canon.${name} in the database`
          : await problemOf(database, config.busRoot, table, artifacts, lastSeq);
      if (detail !== undefined)
        problems.push({ code: 'TABLE_ROWS', what: name, detail: `${detail}; quantbot-bus rebuild makes it again` });
    }
    return problems;
  } finally {
    await database.close();
  }
}

async function problemOf(
  database: DuckDb,
  busRoot: string,
  { table_name, mode, key }: ShownTable,
  artifacts: TableArtifacts,
  lastSeq: number,
): Promise<string | undefined> {
  const view = `canon.${identifier(table_name)}`;
  switch (mode) {
    case 'append': {
      const rows = await count(database, `FROM ${view} WHERE _seq <= ${lastSeq}`);
      return rows === artifacts.rows ? undefined : `${view} has ${rows} rows, its artifacts have ${artifacts.rows}`;
    }
    case 'latest': {
      const { seq, rows } = artifacts.newest;
      if ((await count(database, `FROM ${view} WHERE _seq > ${lastSeq}`)) > 0) return undefined; // a newer job took its place
      const found = await count(database, `FROM ${view} WHERE _seq = ${seq}`);
      const older = await count(database, `FROM ${view} WHERE _seq < ${seq}`);
      return found === rows && older === 0
        ? undefined
        : `${view} has ${found + older} rows, its newest job (seq ${seq}) brought ${rows}`;
    }
    case 'upsert':
      return keyProblemOf(database, busRoot, { table_name, mode, key }, artifacts, lastSeq);
  }
}

/**
 * Every key that came is shown, once, and none besides. A key that is there stays there, whatever
 * is committed meanwhile.
 */
async function keyProblemOf(
  database: DuckDb,
  busRoot: string,
  { table_name, key }: ShownTable,
  { sound, isHurt }: TableArtifacts,
  lastSeq: number,
): Promise<string | undefined> {
  const view = `canon.${identifier(table_name)}`;
  const columns = await keyColumns(database, table_name, key);
  const names = selectList(columns);
  const files = sound.map(path => inFolder(busRoot, path));
  const came =
    files.length === 0
      ? `(SELECT ${names} FROM ${view} WHERE false)`
      : `(SELECT DISTINCT ${names} FROM read_parquet(${literalList(files)}, schema = ${schemaMap(columns)}))`;
  const twice = await count(database, `FROM (SELECT ${names} FROM ${view} GROUP BY ${names} HAVING count(*) > 1)`);
  if (twice > 0) return `${view} shows ${twice} keys more than once`;
  const lost = await count(database, `FROM ${came} ANTI JOIN ${view} USING (${names})`);
  if (lost > 0) return `${view} lacks ${lost} keys that its artifacts have`;
  if (isHurt) return undefined; // whose keys are told by the artifact's own problem
  const strange = await count(
    database,
    `FROM (SELECT ${names} FROM ${view} WHERE _seq <= ${lastSeq}) ANTI JOIN ${came} USING (${names})`,
  );
  return strange > 0 ? `${view} has ${strange} keys that none of its artifacts has` : undefined;
}

async function keyColumns(database: DuckDb, table: string, key: readonly string[]): Promise<DeclaredColumn[]> {
  const columns = await database.query<{ name: string; type: string }>(
    'SELECT column_name AS name, type FROM catalog.columns_d WHERE table_name = ? ORDER BY position',
    [table],
  );
  return columns.filter(({ name }) => key.includes(name));
}

const count = async (database: DuckDb, from: string): Promise<number> =>
  Number((await database.query(`SELECT count(*) AS n ${from}`))[0]?.n);
