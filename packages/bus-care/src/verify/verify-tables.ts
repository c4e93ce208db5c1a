import { relative } from 'node:path';
import { type DeclaredColumn, identifier } from '@quantbot/bus-format';
import { modeNamed, type TableArtifacts, tableFilesThatAreNone, turnedAt, turnTaken } from '@quantbot/bus-format/canon';
import type { Journal, JournalRow } from '@quantbot/bus-format/journal';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, inFolder } from '@quantbot/infra/files';
import { type DuckDb, StorageError } from '@quantbot/storage';
import { openListedTables } from '@quantbot/storage/sandbox';
import type { StoreProblem } from './problem.js';

/** Adds an artifact of a table. Call it in the order of the jobs. */
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

interface TableRow {
  table_name: string;
  mode: string;
  key: DeclaredColumn[];
}

/** Returns the published tables by name. */
async function shownTables(database: DuckDb): Promise<Map<string, TableRow>> {
  // One query for all tables, because each reads the columns of all.
  const rows = await database.query<TableRow>(
    `SELECT t.table_name, t.mode, list({name: c.column_name, type: c.type, unnamed: c.unnamed} ORDER BY c.position) FILTER (list_contains(t.key, c.column_name)) AS key
FROM _published.catalog.tables_d t LEFT JOIN _published.catalog.columns_d c USING (table_name) GROUP BY ALL`,
  );
  return new Map(rows.map(row => [row.table_name, { ...row, key: row.key ?? [] }]));
}

/** The time that a daemon may take to publish a table whose files have followed an operation. */
const publishMs = 60_000;

/**
 * Returns the tables that no view has to show: an operation has changed them since a job, or their
 * files have yet to follow one, or just have. They have the names that they had at that job.
 */
async function tablesInChange(journal: Journal, layout: BusLayout, lastSeq: number): Promise<Set<string>> {
  const operations = await journal.tableOperations();
  const isFollowing = (table: string, seq: number) =>
    seq > turnTaken(layout, table) || Date.now() - turnedAt(layout, table) < publishMs;
  const inChange = operations.filter(
    ({ type, table, seq }) => seq > lastSeq || (type !== 'table_rename' && isFollowing(table, seq)),
  );
  return new Set(inChange.map(({ table }) => journal.names.nameOf(table)));
}

/**
 * Checks that each canonical table shows the rows that its mode selects from its artifacts up to a
 * job. A daemon may commit meanwhile.
 *
 * @param journal as it was when its last job was `lastSeq`.
 */
export async function checkTables(
  config: BusConfig,
  journal: Journal,
  expected: ReadonlyMap<string, TableArtifacts>,
  lastSeq: number,
): Promise<StoreProblem[]> {
  if (!(await exists(config.duckdbPath))) return [];
  const layout = busLayout(config.busRoot);
  const problems = (await tableFilesThatAreNone(layout)).map(
    (path): StoreProblem => ({
      code: 'TABLE_DAMAGED',
      what: relative(layout.root, path),
      detail: 'it is not a regular file; the next start of the daemon restores it, and so does quantbot-bus rebuild',
    }),
  );
  if (problems.length > 0) return problems;
  // A daemon that compacts removes files that were listed, or that are just being read. So only
  // what a second look finds counts.
  const suspect = await problemsOfTables(config, journal, expected, lastSeq).then(
    found => new Set(found.map(({ what }) => what)),
    error => void mustBeUnreadable(error), // all tables are suspect
  );
  if (suspect?.size === 0) return [];
  const looked = [...expected].filter(([name]) => suspect?.has(name) ?? true);
  return problemsOfTables(config, journal, new Map(looked), lastSeq);
}

/** Returns the error of a query that could not read the tables, and throws any other. */
function mustBeUnreadable(error: unknown): StorageError {
  if (error instanceof StorageError && error.code !== 'DATABASE_LOCKED') return error;
  throw error;
}

/** Reports that a check of tables could not read them. */
export function unreadableTables(error: unknown, duckdbPath: string): StoreProblem {
  const { message, details } = mustBeUnreadable(error);
  return { code: 'TABLE_ROWS', what: duckdbPath, detail: `${message} ${details.join(' ')}`.trim() };
}

async function problemsOfTables(
  config: BusConfig,
  journal: Journal,
  expected: ReadonlyMap<string, TableArtifacts>,
  lastSeq: number,
): Promise<StoreProblem[]> {
  const problems: StoreProblem[] = [];
  const layout = busLayout(config.busRoot);
  const { database, withTable } = await openListedTables(config.duckdbPath, layout.hot);
  try {
    const shown = await shownTables(database);
    const areAllShown = [...expected.keys()].every(name => shown.has(name));
    const inChange = areAllShown ? new Set() : await tablesInChange(journal, layout, lastSeq);
    for (const [name, artifacts] of expected) {
      const table = shown.get(name);
      if (table === undefined && inChange.has(name)) continue;
      const detail =
        table === undefined
          ? `the database has no canon.${name}`
          : await withTable(name, () => problemOf(database, table, inBus(config, artifacts), lastSeq));
      if (detail !== undefined)
        problems.push({ code: 'TABLE_ROWS', what: name, detail: `${detail}; run quantbot-bus rebuild` });
    }
    return problems;
  } finally {
    await database.close();
  }
}

/** Returns the same artifacts with absolute paths. */
const inBus = ({ busRoot }: BusConfig, artifacts: TableArtifacts): TableArtifacts => ({
  ...artifacts,
  sound: artifacts.sound.map(path => inFolder(busRoot, path)),
});

async function problemOf(
  database: DuckDb,
  { table_name, mode, key }: TableRow,
  artifacts: TableArtifacts,
  lastSeq: number,
): Promise<string | undefined> {
  const rule = modeNamed(mode);
  if (rule === undefined) return `canon.${table_name} has the mode ${mode}, which this version does not know`;
  const view = `canon.${identifier(table_name)}`;
  const shown = { view, key, count: (from: string) => count(database, from) };
  const problem = await rule.problem(shown, artifacts, lastSeq);
  if (problem === undefined) return undefined;
  // A compaction has yet to take these rows out.
  const leaving = await count(
    database,
    `FROM ${view} SEMI JOIN (FROM _published.catalog.forgotten_f WHERE rows = 'dropped') f ON f.artifact_key = _artifact_key`,
  );
  return leaving > 0 ? undefined : problem;
}

const count = async (database: DuckDb, from: string): Promise<number> =>
  Number((await database.query(`SELECT count(*) AS n ${from}`))[0]?.n);
