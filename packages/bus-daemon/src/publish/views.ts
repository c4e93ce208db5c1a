import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra';
import { newestRows } from '../canon/newest-rows.js';
import type { CanonTable } from '../canon/table.js';
import { emptyCommit, seqName } from '../journal/files.js';
import { isOfTable, journalColumns } from '../journal/row.js';
import { type DeclaredColumn, identifier, literal, literalList, schemaMap, selectList } from '../sql.js';
import { catalogViews } from './catalog-views.js';
import { anywhere, type Condition, hereView, onlyHere } from './location.js';

/** Which files hold the journal and the canonical tables at one moment. */
export interface Snapshot {
  /** The last committed job. */
  seq: number;
  /** Commits up to here are in segments; those above are in `hot/`. */
  compactedSeq: number;
  /** Those above, by the last seq of each. */
  hotCommits: readonly number[];
  /** Names in `journal/segments/`. */
  segments: readonly string[];
  tables: readonly TableFiles[];
}

/** A canonical table and its compacted files. */
export interface TableFiles {
  table: CanonTable;
  /** Names in `canon/<table>/`. */
  segments: readonly string[];
  /**
   * The newest job of the table that is in segments; of interest for `latest` only, and 0
   * otherwise.
   */
  newestCompacted: number;
  /**
   * Commits up to here are in its segments: {@link Snapshot.compactedSeq}, or fewer while a damaged
   * file keeps it waiting.
   */
  compactedSeq: number;
  /** Those that it still needs in `hot/` besides the snapshot's own. */
  behind: readonly number[];
}

/**
 * How the commits in `hot/` are named in a view. `live`: by a glob, so that whoever has the view
 * open sees every later commit. `frozen`: exactly these files, so that nothing that comes later is
 * seen (exports, time travel).
 */
export type HotFiles =
  | { mode: 'live' }
  | { mode: 'frozen'; commits: readonly number[]; tableFiles: ReadonlyMap<string, readonly string[]> };

/** What the catalog says of the bus itself. */
export interface BusInfo {
  busId: string;
  dataRoot: string;
  exportDir: string;
  duckdbPath: string;
  daemonVersion: string;
  duckdbVersion: string;
  publishedAt: Date;
}

/**
 * Where a row of a canonical table comes from: the job, the artifact's place in it, and the row's
 * own place in the artifact. The compacted files hold these columns too.
 */
export const originColumns: readonly DeclaredColumn[] = [
  { name: '_seq', type: 'BIGINT' },
  { name: '_ordinal', type: 'BIGINT' },
  { name: '_row', type: 'BIGINT' },
  { name: '_artifact_key', type: 'VARCHAR' },
];

/**
 * The statements that make the whole public schema: one place for publication, exports and time
 * travel.
 *
 * @param location where the database will lie, if it is published: opened from another place, it
 * answers with an error.
 */
export function viewsAt(
  layout: BusLayout,
  snapshot: Snapshot,
  hot: HotFiles,
  info: BusInfo,
  location?: readonly string[],
): string[] {
  const where = location === undefined ? anywhere : onlyHere;
  return [
    'CREATE SCHEMA _bus',
    'CREATE SCHEMA catalog',
    'CREATE SCHEMA canon',
    'CREATE SCHEMA _rows',
    ...(location === undefined ? [] : [hereView(location)]),
    `CREATE VIEW _bus.hot_journal AS ${hotJournal(layout, snapshot, hot, where)}`,
    `CREATE VIEW _bus.journal AS ${journalQuery(layout, snapshot, where)}`,
    ...catalogViews(layout, snapshot, info),
    ...snapshot.tables.flatMap(files => tableViews(layout, files, hot, where)),
  ];
}

/**
 * The statements of {@link viewsAt} that the journal alone needs.
 */
export const journalViewsAt = (layout: BusLayout, snapshot: Snapshot): string[] => [
  'CREATE SCHEMA IF NOT EXISTS _bus',
  `CREATE OR REPLACE VIEW _bus.hot_journal AS ${hotJournal(layout, snapshot, { mode: 'live' }, anywhere)}`,
  `CREATE OR REPLACE VIEW _bus.journal AS ${journalQuery(layout, snapshot, anywhere)}`,
];

const commitFileName = 'commit.parquet';

function hotJournal(layout: BusLayout, snapshot: Snapshot, hot: HotFiles, where: Condition): string {
  const columns = selectList(journalColumns);
  if (hot.mode === 'frozen') {
    const files = [0, ...hot.commits].map(seq => join(layout.hot, seqName(seq), commitFileName));
    return `SELECT ${columns} FROM read_parquet(${literalList(files)}, schema = ${schemaMap(journalColumns)})`;
  }
  // The comparison with a constant is applied to names before a file is opened; that needs the
  // column to be called filename.
  return `SELECT ${columns} FROM read_parquet(${literal(join(layout.hot, '*', commitFileName))}, schema = ${schemaMap(journalColumns)}, \
filename = true)${where.from} WHERE filename > ${literal(join(layout.hot, seqName(snapshot.compactedSeq), commitFileName))} AND ${where.holds}`;
}

function journalQuery(layout: BusLayout, snapshot: Snapshot, where: Condition): string {
  const hot = 'SELECT * FROM _bus.hot_journal';
  if (snapshot.segments.length === 0) return hot;
  const files = snapshot.segments.map(name => join(layout.segments, name));
  return `SELECT ${selectList(journalColumns)} FROM read_parquet(${literalList(files)}, schema = ${schemaMap(journalColumns)})${where.from} WHERE ${where.holds} UNION ALL ${hot}`;
}

/**
 * `_rows.<table>` with everything that is known of a row, and over it the public `canon.<table>`.
 */
function tableViews(layout: BusLayout, files: TableFiles, hot: HotFiles, where: Condition): string[] {
  const { table } = files;
  const name = identifier(table.name);
  const parts: string[] = [];
  if (files.segments.length > 0) {
    const columns = [...table.columns, ...originColumns];
    const paths = files.segments.map(segment => join(layout.canon, table.name, segment));
    parts.push(
      `SELECT ${selectList(columns)} FROM read_parquet(${literalList(paths)}, schema = ${schemaMap(columns)})${where.from} WHERE ${where.holds}`,
    );
  }
  const from = hotTableFiles(layout, files, hot);
  // Joined with the rows of the commits: a job's rows are there when both its commit and its files
  // are, so never in part.
  parts.push(
    `SELECT ${selectList(table.columns, 'f')}, j.seq AS _seq, j.ordinal AS _ordinal, f._row, j.artifact_key AS _artifact_key \
FROM (SELECT ${untrusted(table.columns)}, ${positionOfRow} FROM ${from}) f \
JOIN (SELECT seq, ordinal, artifact_key, seq * 100000 + ordinal AS _position FROM ${hotRows(files)} WHERE status = 'ingested') j \
ON f._position = j._position`,
  );
  return [
    `CREATE VIEW _rows.${name} AS ${newestRows(table, parts.join(' UNION ALL '), newestSeq(files))}`,
    `CREATE VIEW canon.${name} AS SELECT * EXCLUDE (_ordinal, _row) FROM _rows.${name}`,
  ];
}

/**
 * Columns of files that others have written, for a SELECT over a `read_parquet` with `filename`.
 * The CASE is always true, which DuckDB cannot know: so it compares values instead of leaving out
 * row groups by a writer's statistics, which may be wrong and never count NaN.
 */
export const untrusted = (columns: readonly DeclaredColumn[]): string =>
  columns
    .map(({ name }) => `CASE WHEN length(filename) > 0 THEN ${identifier(name)} END AS ${identifier(name)}`)
    .join(', ');

/** The rows of the commits that a table has in `hot/`. */
const hotRows = ({ behind, compactedSeq }: TableFiles): string =>
  behind.length === 0 ? '_bus.hot_journal' : `(SELECT * FROM _bus.journal WHERE seq > ${compactedSeq})`;

/**
 * The newest job of a table, as SQL: a compacted one, or one of `hot/`, which may have brought no
 * row.
 */
const newestSeq = (files: TableFiles): string =>
  `(SELECT greatest(${files.newestCompacted}, coalesce(max(seq), 0)) FROM ${hotRows(files)} WHERE ${isOfTable(files.table.name)})`;

/** The order of a canonical table's rows. */
export const originOrder = '_seq, _ordinal, _row';

/**
 * A canonical table as it is exported, in the order of commits, artifacts, and rows in them: all,
 * or what came with a commit or after it.
 */
export const tableInOrder = (table: string, fromSeq = 0): string =>
  `SELECT * EXCLUDE (_ordinal, _row) FROM _rows.${identifier(table)}${fromSeq > 0 ? ` WHERE _seq >= ${fromSeq}` : ''} ORDER BY ${originOrder}`;

/**
 * `_position`: `<table>~<generation>~<seq>-<ordinal>.parquet` as one number, the same that the
 * journal's rows give; `_row`: DuckDB's virtual column (asked for as an option it does not go with
 * an explicit schema).
 */
export const positionOfRow = `CAST(replace(regexp_extract(filename, '([0-9]{12}-[0-9]{5})[.]parquet$', 1), '-', '') AS BIGINT) AS _position, file_row_number AS _row`;

/**
 * The rows that DuckDB is to expect in files whose footers it does not open to plan a query. It
 * would expect next to none, and then hold them all in memory to join them with the few rows of the
 * journal.
 */
const assumedRows = 1_000_000;

function hotTableFiles(layout: BusLayout, { table, compactedSeq }: TableFiles, hot: HotFiles): string {
  const generations = Array.from({ length: table.generation + 1 }, (_, generation) => generation);
  const schema = `schema = ${schemaMap(table.columns)}, filename = true, explicit_cardinality = ${assumedRows}`;
  if (hot.mode === 'frozen') {
    const files = hot.tableFiles.get(table.name) ?? [];
    if (files.length > 0) return `read_parquet(${literalList(files)}, ${schema})`;
    const empty = join(layout.hot, emptyCommit, `${table.name}~0~empty.parquet`);
    return `read_parquet(${literal(empty)}, ${schema}) WHERE false`;
  }
  const globs = generations.map(generation => join(layout.hot, '*', `${table.name}~${generation}~*.parquet`));
  // '~' sorts behind every table name, so this leaves out the whole folder of the last compacted
  // commit.
  return `read_parquet(${literalList(globs)}, ${schema}) WHERE filename > ${literal(join(layout.hot, seqName(compactedSeq), '~'))}`;
}
