import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra';
import { shownRows } from '../canon/modes.js';
import { originColumns, originOrder, positionOfRow } from '../canon/origin.js';
import { emptyCommit, seqName } from '../journal/files.js';
import { isOfTable } from '../journal/row.js';
import type { HotFiles } from '../journal/snapshot.js';
import { hotJournal, journalQuery } from '../journal/views.js';
import { anywhere, type Condition, hereView, onlyHere } from '../location.js';
import { identifier, literal, literalList, schemaMap, selectList, untrusted } from '../sql.js';
import { catalogViews } from './catalog-views.js';
import type { BusInfo, Snapshot, TableFiles } from './snapshot.js';

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
    `CREATE VIEW _rows.${name} AS ${shownRows(table, parts.join(' UNION ALL '), newestSeq(files))}`,
    `CREATE VIEW canon.${name} AS SELECT * EXCLUDE (_ordinal, _row) FROM _rows.${name}`,
  ];
}

/** The rows of the commits that a table has in `hot/`. */
const hotRows = ({ behind, compactedSeq }: TableFiles): string =>
  behind.length === 0 ? '_bus.hot_journal' : `(SELECT * FROM _bus.journal WHERE seq > ${compactedSeq})`;

/**
 * The newest job of a table, as SQL: a compacted one, or one of `hot/`, which may have brought no
 * row.
 */
const newestSeq = (files: TableFiles): string =>
  `(SELECT greatest(${files.newestCompacted}, coalesce(max(seq), 0)) FROM ${hotRows(files)} WHERE ${isOfTable(files.table.name)})`;

/**
 * A canonical table as it is exported, in the order of commits, artifacts, and rows in them: all,
 * or what came with a commit or after it.
 */
export const tableInOrder = (table: string, fromSeq = 0): string =>
  `SELECT * EXCLUDE (_ordinal, _row) FROM _rows.${identifier(table)}${fromSeq > 0 ? ` WHERE _seq >= ${fromSeq}` : ''} ORDER BY ${originOrder}`;

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
