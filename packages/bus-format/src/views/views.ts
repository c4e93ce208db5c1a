import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { modes, type StreamedRows, shownBeside, shownRows, shownStreamed } from '../canon/modes.js';
import { originColumns, originOrder, positionOfRow } from '../canon/origin.js';
import { rowsInOneScan, storedRows } from '../canon/stored-rows.js';
import { shownName } from '../canon/table.js';
import { emptyCommit, emptyTableFileName, seqName } from '../journal/files.js';
import { forgottenQuery } from '../journal/forgotten.js';
import { isOfTable } from '../journal/row.js';
import { hotFiles, hotFilesMacro, hotJournal, journalQuery, readableMacro, readableSince } from '../journal/views.js';
import { anywhere, type Condition, hereView, onlyHere } from '../location.js';
import { foreignSchema, identifier, literal, literalList, schemaMap, selectList, untrusted } from '../sql.js';
import { canonView, firstToReadRows } from './canon-view.js';
import { catalogViews } from './catalog-views.js';
import type { BusInfo, FrozenHot, HotFiles, Snapshot, TableFiles } from './snapshot.js';

/** A view of the public schema, and its CREATE VIEW statement. */
export interface ViewStatement {
  name: string;
  statement: string;
  comment?: string;
}

/**
 * The public schema: one place for publication, exports and time travel. The views need `before`,
 * and are complete after `after`.
 */
export interface PublicSchema {
  before: readonly string[];
  views: readonly ViewStatement[];
  after: readonly string[];
}

/** All statements of {@link publicSchema} in order. */
export function viewsAt(...of: Parameters<typeof publicSchema>): string[] {
  const { before, views, after } = publicSchema(...of);
  return [...before, ...views.map(({ statement }) => statement), ...after];
}

/**
 * Returns the statements of the public schema, in order.
 *
 * @param location the path of the database, if it is published. Opened from another place, its
 * views fail with a clear error.
 * @param exportOf returns the path of a canonical table's own export, if it has one that is one
 * file. DuckDB before 1.3 then reads the table from it.
 */
export function publicSchema(
  layout: BusLayout,
  snapshot: Snapshot,
  hot: HotFiles,
  info: BusInfo,
  location?: readonly string[],
  exportOf?: (table: string) => string | undefined,
): PublicSchema {
  const where = location === undefined ? anywhere : onlyHere;
  const statements = [
    ...(location === undefined ? [] : [hereView(location)]),
    `CREATE VIEW _bus.hot_journal AS ${hotJournal(layout, snapshot, hot, where)}`,
    `CREATE VIEW _bus.journal AS ${journalQuery(layout, snapshot, where)}`,
    `CREATE VIEW _bus.forgotten AS ${forgottenQuery('_bus.journal')}`,
    ...catalogViews(layout, snapshot, info),
    ...snapshot.tables.flatMap(files => [
      rowsView(layout, snapshot, files, hot, where),
      canonView(shownName(files.table), exportOf?.(shownName(files.table))),
    ]),
  ];
  return {
    before: [
      ...['_bus', 'catalog', 'canon', '_rows'].map(name => `CREATE SCHEMA IF NOT EXISTS ${name}`),
      hotFilesMacro('[empty]'),
      readableMacro,
      `CREATE OR REPLACE MACRO _bus.compacted() AS ${literal(folderOf(layout, snapshot.compactedSeq))}`,
    ],
    views: statements.map(statement => ({ name: nameIn(statement), statement })),
    after: [hotFilesMacro('globs')],
  };
}

/**
 * Returns the statements of `_rows.<table>` for the tables of a snapshot, and of what these views
 * need. The whole public schema takes more time than the export of a small table.
 */
export const rowsViewsAt = (layout: BusLayout, snapshot: Snapshot, hot: FrozenHot): string[] => [
  'CREATE SCHEMA _bus',
  'CREATE SCHEMA _rows',
  readableMacro,
  ...(needsJournal(snapshot)
    ? [
        `CREATE VIEW _bus.hot_journal AS ${hotJournal(layout, snapshot, hot, anywhere)}`,
        `CREATE VIEW _bus.journal AS ${journalQuery(layout, snapshot, anywhere)}`,
      ]
    : []),
  ...snapshot.tables.map(files => rowsView(layout, snapshot, files, hot, anywhere)),
];

/** Whether `_rows.<table>` of a table of a snapshot reads the journal. */
export const needsJournal = ({ tables }: Pick<Snapshot, 'tables'>): boolean =>
  tables.some(({ table }) => modes[table.mode].onlyNewestJob);

const nameIn = (statement: string): string => /^CREATE VIEW (\S+) AS/.exec(statement)?.[1] as string;

/** Sorts after every file in the folder of a commit, because '~' sorts after every table's name. */
const folderOf = (layout: BusLayout, seq: number): string => join(layout.hot, seqName(seq), '~');

/** Returns `_rows.<table>` with all columns of a row; the public `canon.<table>` reads it. */
function rowsView(layout: BusLayout, snapshot: Snapshot, files: TableFiles, hot: HotFiles, where: Condition): string {
  const { table, areShown = false } = files;
  const segments = files.segments.map(segment => join(layout.canon, table.name, segment));
  const columns = [...table.columns, ...originColumns];
  const isRecast = table.columns.some(({ recast }) => recast);
  const values = columns.map(c => ('recast' in c ? untrusted([c], 'f') : selectList([c], 'f'))).join(', ');
  const rowsIn = (paths: readonly string[], options = '') =>
    `SELECT ${values} FROM read_parquet(${readableSince(firstToReadRows, literalList(paths))}, schema = ${schemaMap(columns)}${isRecast ? ', filename = true' : ''}${options}) f${where.from} WHERE ${where.holds}`;
  const inHot =
    hot.mode === 'frozen'
      ? storedRows(table.columns, hot.tableFiles.get(table.name) ?? [])
      : liveRows(layout, snapshot, files);
  // The oldest segment is by far the largest.
  const apart = areShown ? segments.slice(0, 1) : [];
  const others = [...(segments.length > apart.length ? [rowsIn(segments.slice(apart.length))] : []), inHot].join(
    ' UNION ALL ',
  );
  const shown =
    apart.length > 0
      ? shownBeside(table, rowsIn(apart, largeFile), others, newestSeq(snapshot, files))
      : shownRows(table, others, newestSeq(snapshot, files));
  return `CREATE VIEW _rows.${identifier(shownName(table))} AS ${shown}`;
}

/** Returns the FROM clause of the commits that a table has in `hot/`. */
const hotRows = ({ behind, compactedSeq }: TableFiles): string =>
  behind.length === 0 ? '_bus.hot_journal' : `(SELECT * FROM _bus.journal WHERE seq > ${compactedSeq})`;

/**
 * Returns SQL for the seq of a table's newest job, compacted or in `hot/`. That job may have no
 * rows.
 */
const newestSeq = ({ names }: Snapshot, files: TableFiles): string =>
  `(SELECT greatest(${files.newestCompacted}, coalesce(max(seq), 0)) FROM ${hotRows(files)} WHERE ${isOfTable(files.table.name, names)})`;

/**
 * Returns the SELECT of a canonical table for an export, in the order of commits, artifacts and
 * rows. `fromSeq` leaves out earlier commits, `upToSeq` later ones.
 *
 * @param isInOrder whether `_rows.<table>` has its rows in this order. A sort would hold them all.
 */
export function tableInOrder(
  table: string,
  { fromSeq = 0, upToSeq, isInOrder = false }: { fromSeq?: number; upToSeq?: number; isInOrder?: boolean } = {},
): string {
  const conditions = [
    ...(fromSeq > 0 ? [`_seq >= ${fromSeq}`] : []),
    ...(upToSeq === undefined ? [] : [`_seq <= ${upToSeq}`]),
  ];
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `SELECT * EXCLUDE (_ordinal, _row) FROM _rows.${identifier(table)}${where}${isInOrder ? '' : ` ORDER BY ${originOrder}`}`;
}

/**
 * {@link tableInOrder} of a snapshot's table for rows that are too large to be held or sorted. It
 * needs the statements of {@link rowsViewsAt}.
 */
export function tableStreamed(
  layout: BusLayout,
  snapshot: Snapshot,
  files: TableFiles,
  { hot, fromSeq }: { hot: FrozenHot; fromSeq: number },
): StreamedRows {
  const { table } = files;
  const segments = files.segments.map(segment => join(layout.canon, table.name, segment));
  const all = rowsInOneScan(table.columns, segments, hot.tableFiles.get(table.name) ?? []);
  const rows = fromSeq > 0 ? `SELECT * FROM (${all}) WHERE _seq >= ${fromSeq}` : all;
  const { setup, sql } = shownStreamed(table, rows, newestSeq(snapshot, files));
  return { setup, sql: `SELECT * EXCLUDE (_ordinal, _row) FROM (${sql})` };
}

/**
 * The number of rows that DuckDB shall assume in files whose footers it does not open for planning.
 * By default it assumes almost none. It would then hold all rows in memory to join them with the
 * few rows of the journal.
 */
const assumedRows = 1_000_000;

/** Has DuckDB look up the rows of this file among others, and not hold them in memory to do so. */
const largeFile = `, explicit_cardinality = ${1_000 * assumedRows}`;

/**
 * Returns the SELECT of the rows in `hot/`, also of later commits. It joins them with the rows of
 * the commits: a job's rows are visible only if both its commit and its files are, so never in
 * part.
 */
const liveRows = (layout: BusLayout, snapshot: Snapshot, files: TableFiles): string =>
  `SELECT ${selectList(files.table.columns, 'f')}, j.seq AS _seq, j.ordinal AS _ordinal, f._row, j.artifact_key AS _artifact_key \
FROM (SELECT ${untrusted(files.table.columns)}, ${positionOfRow} FROM ${hotTableFiles(layout, snapshot, files)}) f \
JOIN (SELECT seq, ordinal, artifact_key, seq * 100000 + ordinal AS _position FROM ${hotRows(files)} WHERE status = 'ingested') j \
ON f._position = j._position`;

function hotTableFiles(layout: BusLayout, snapshot: Snapshot, { table, compactedSeq }: TableFiles): string {
  const generations = Array.from({ length: table.generation + 1 }, (_, generation) => generation);
  const schema = `schema = ${foreignSchema(table.columns)}, filename = true, explicit_cardinality = ${assumedRows}`;
  const empty = join(layout.hot, emptyCommit, emptyTableFileName(table.name, 0));
  const globs = generations.map(generation => join(layout.hot, '*', `${table.name}~${generation}~*.parquet`));
  // A macro, so that a compaction changes no view of another table.
  const after = compactedSeq === snapshot.compactedSeq ? '_bus.compacted()' : literal(folderOf(layout, compactedSeq));
  return `read_parquet(${readableSince(firstToReadRows, hotFiles(empty, globs))}, ${schema}) WHERE filename > ${after}`;
}
