import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { anywhere, type Condition } from '../location.js';
import { literal, literalList, schemaMap, selectList } from '../sql.js';
import { emptyCommit, seqName } from './files.js';
import { forgottenQuery } from './forgotten.js';
import { journalColumns } from './row.js';
import type { HotCommits, JournalSnapshot } from './snapshot.js';

/** The views of the journal alone. */
export const journalViewsAt = (layout: BusLayout, snapshot: JournalSnapshot): string[] => [
  'CREATE SCHEMA IF NOT EXISTS _bus',
  hotFilesMacro('globs'),
  readableMacro,
  `CREATE OR REPLACE VIEW _bus.hot_journal AS ${hotJournal(layout, snapshot, { mode: 'live' }, anywhere)}`,
  `CREATE OR REPLACE VIEW _bus.journal AS ${journalQuery(layout, snapshot, anywhere)}`,
  `CREATE OR REPLACE VIEW _bus.forgotten AS ${forgottenQuery('_bus.journal')}`,
];

const commitFileName = 'commit.parquet';

/**
 * The macro behind {@link hotFiles}. While views are created it yields the empty file, because
 * DuckDB evaluates globs for each CREATE VIEW. Each glob would read every name in `hot/`, so the
 * total cost would grow with the square of the number of tables.
 */
export const hotFilesMacro = (body: 'globs' | '[empty]'): string =>
  `CREATE OR REPLACE MACRO _bus.hot_files(empty, globs) AS ${body}`;

/**
 * The macro behind {@link readableSince}. DuckDB evaluates a table function's first argument before
 * it checks the others. An older DuckDB would fail on those with an unhelpful message.
 */
export const readableMacro = `CREATE OR REPLACE MACRO _bus.readable(files, since) AS CASE WHEN version() < since \
THEN error('This needs DuckDB ' || substr(since, 2) || ' or newer, and you use ' || version() || '. \
Upgrade it (pip install -U duckdb), or read the files of the golden exports.') ELSE files END`;

/** Returns files for `read_parquet`, or an error if DuckDB is older than this version. */
export const readableSince = (since: 'v1.2' | 'v1.3', files: string): string =>
  `_bus.readable(${files}, ${literal(since)})`;

/**
 * Returns the files in `hot/` for `read_parquet`: those of the globs, one of which matches the
 * empty file.
 */
export const hotFiles = (empty: string, globs: readonly string[]): string =>
  `_bus.hot_files(${literal(empty)}, ${literalList(globs)})`;

/** `_bus.hot_journal`: the rows of the commits that are not compacted yet. */
export function hotJournal(layout: BusLayout, snapshot: JournalSnapshot, hot: HotCommits, where: Condition): string {
  const columns = selectList(journalColumns);
  if (hot.mode === 'frozen') {
    const files = [0, ...hot.commits].map(seq => join(layout.hot, seqName(seq), commitFileName));
    return `SELECT ${columns} FROM read_parquet(${literalList(files)}, schema = ${schemaMap(journalColumns)})`;
  }
  const empty = join(layout.hot, emptyCommit, commitFileName);
  // DuckDB applies a comparison with a constant before it opens the files, but only if the column
  // is called filename.
  return `SELECT ${columns} FROM read_parquet(${readableSince('v1.2', hotFiles(empty, [join(layout.hot, '*', commitFileName)]))}, schema = ${schemaMap(journalColumns)}, \
filename = true)${where.from} WHERE filename > ${literal(join(layout.hot, seqName(snapshot.compactedSeq), commitFileName))} AND ${where.holds}`;
}

/** `_bus.journal`: all rows. */
export function journalQuery(layout: BusLayout, snapshot: JournalSnapshot, where: Condition): string {
  const hot = 'SELECT * FROM _bus.hot_journal';
  if (snapshot.segments.length === 0) return hot;
  const files = snapshot.segments.map(name => join(layout.segments, name));
  return `SELECT ${selectList(journalColumns)} FROM read_parquet(${readableSince('v1.2', literalList(files))}, schema = ${schemaMap(journalColumns)})${where.from} WHERE ${where.holds} UNION ALL ${hot}`;
}
