import { foldName } from '@quantbot/infra/bus';
import type { TableMode } from '@quantbot/infra/config';
import { type DeclaredColumn, identifier, sortTerm } from '../sql.js';
import { allRows, eachKeyOnce, newestJob, type ShownTable, type TableArtifacts } from './expected-rows.js';
import { originOrder } from './origin.js';
import type { CanonTable } from './table.js';

/** The properties of a table that its mode needs. */
export interface ModeTable extends Pick<CanonTable, 'key' | 'orderBy'> {
  columns: readonly DeclaredColumn[];
}

/** Defines which rows a canonical table shows. Nothing else in the bus knows what a mode means. */
export interface Mode {
  /**
   * Returns the SELECT of the rows that a table shows.
   *
   * Compaction drops all others. So applying it twice, or to parts first and then to their union,
   * must give the same rows. In a table with a key, only rows of the same key may hide a row.
   *
   * @param allRows SELECT of all ingested rows, with the table's columns and `originColumns`.
   * @param newestSeq SQL of the seq of the table's newest job, which may have brought no row.
   */
  shown(allRows: string, table: ModeTable, newestSeq: string): string;
  /**
   * Whether every ingested row is shown, in the order in which {@link shown} got it. Compacted
   * files then hold as many rows as the journal names, and need no sort.
   */
  showsEveryRow: boolean;
  /**
   * Whether a row that is shown once stays shown. An earlier state is then a part of today's, and a
   * dataset export only adds files.
   */
  onlyGrows: boolean;
  /** Whether only rows of the table's newest job are shown. Older artifacts are then not read. */
  onlyNewestJob: boolean;
  /**
   * Compares a published table with its artifacts up to a job. A daemon may commit meanwhile.
   *
   * @returns a sentence about what is wrong, or undefined.
   */
  problem(table: ShownTable, artifacts: TableArtifacts, lastSeq: number): Promise<string | undefined>;
}

/** Every mode. Their names and settings are in `tableModes` of `@quantbot/infra`. */
export const modes: Readonly<Record<TableMode, Mode>> = {
  append: {
    shown: rows => rows,
    showsEveryRow: true,
    onlyGrows: true,
    onlyNewestJob: false,
    problem: allRows,
  },
  latest: {
    shown: (rows, _, newestSeq) => `SELECT * FROM (${rows}) WHERE _seq = ${newestSeq}`,
    showsEveryRow: false,
    onlyGrows: false,
    onlyNewestJob: true,
    problem: newestJob,
  },
  upsert: {
    shown: (rows, table) => {
      const [key, orderBy] = [termsOf(table.key, table), termsOf(table.orderBy, table)];
      const newestFirst = [...orderBy.map(term => `${term} DESC NULLS LAST`), '_seq DESC, _ordinal DESC, _row DESC'];
      return `SELECT * FROM (${rows}) QUALIFY row_number() OVER (PARTITION BY ${key.join(', ')} ORDER BY ${newestFirst.join(', ')}) = 1`;
    },
    showsEveryRow: false,
    onlyGrows: false,
    onlyNewestJob: false,
    problem: eachKeyOnce,
  },
};

/**
 * Only floats need a sort term. DuckDB pushes a filter on a plain column name down to the files.
 */
function termsOf(names: readonly string[], { columns }: ModeTable): string[] {
  const floats = new Set(columns.filter(({ type }) => /FLOAT|DOUBLE/.test(type)).map(({ name }) => foldName(name)));
  return names.map(name => (floats.has(foldName(name)) ? sortTerm(name) : identifier(name)));
}

/** Returns the mode of a name in a database; undefined if a newer version wrote it. */
export const modeNamed = (name: string): Mode | undefined =>
  Object.hasOwn(modes, name) ? modes[name as TableMode] : undefined;

/** Returns the SELECT of the rows that a table shows. See {@link Mode.shown}. */
export const shownRows = (table: ModeTable & Pick<CanonTable, 'mode'>, allRows: string, newestSeq: string): string =>
  modes[table.mode].shown(allRows, table, newestSeq);

/**
 * {@link shownRows} of a compacted file and of others. A compacted row is shown as it is unless
 * another row has its key, so reading a large file costs little more than without a mode.
 *
 * @param compacted SELECT of rows that are the {@link shownRows} of some rows of this table.
 * @param others SELECT of all other rows.
 */
export function shownBeside(
  table: ModeTable & Pick<CanonTable, 'mode'>,
  compacted: string,
  others: string,
  newestSeq: string,
): string {
  if (table.key.length === 0) return shownRows(table, `${compacted} UNION ALL ${others}`, newestSeq);
  const hasSameKey = table.key
    .map(identifier)
    .map(name => `_compacted.${name} IS NOT DISTINCT FROM _others.${name}`)
    .join(' AND ');
  const compactedThat = (join: 'SEMI' | 'ANTI') =>
    `SELECT * FROM (${compacted}) _compacted ${join} JOIN (${others}) _others ON ${hasSameKey}`;
  const contested = `${compactedThat('SEMI')} UNION ALL ${others}`;
  return `${compactedThat('ANTI')} UNION ALL ${shownRows(table, contested, newestSeq)}`;
}

/**
 * {@link shownRows} in the order of their origin.
 *
 * @param isInOrder whether `allRows` has them in this order. A sort holds all rows in memory.
 */
export function shownInOrder(
  table: ModeTable & Pick<CanonTable, 'mode'>,
  allRows: string,
  newestSeq: string,
  isInOrder = true,
): string {
  const rows = shownRows(table, allRows, newestSeq);
  return isInOrder && modes[table.mode].showsEveryRow ? rows : `SELECT * FROM (${rows}) ORDER BY ${originOrder}`;
}

/** A SELECT, and the statements that come before it in the same connection. */
export interface StreamedRows {
  setup: string[];
  sql: string;
}

/**
 * {@link shownInOrder} for rows that are too large to be sorted or joined. A first scan, of keys
 * only, marks the places of the rows to show in a bitmap. A second scan takes these rows.
 *
 * @param allRows one scan of rows in order: see `rowsInOneScan`.
 */
export function shownStreamed(
  table: ModeTable & Pick<CanonTable, 'mode'>,
  allRows: string,
  newestSeq: string,
): StreamedRows {
  if (modes[table.mode].showsEveryRow) return { setup: [], sql: allRows };
  const keys = [...new Set([...table.key, ...table.orderBy].map(identifier)), originOrder].join(', ');
  // The name is one of `reservedColumns`.
  const numbered = (columns: string) => `SELECT ${columns}, row_number() OVER () AS _position FROM (${allRows})`;
  const shown = shownRows(table, numbered(keys), newestSeq);
  return {
    setup: [
      `SET VARIABLE _rows = (SELECT count(*) FROM (${allRows}))`,
      `SET VARIABLE _shown = (SELECT bitstring_agg(_position, 1, getvariable('_rows')) FROM (${shown}))`,
    ],
    sql: `SELECT * EXCLUDE (_position) FROM (${numbered('*')}) WHERE get_bit(getvariable('_shown'), CAST(_position - 1 AS INTEGER)) = 1`,
  };
}
