import type { DuckDBDataChunk, DuckDBResultReader, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { converterOf, type Value, type ValueOptions } from './values/from-duckdb.js';

/** A row by column name. */
export type Row = Record<string, Value>;
/** Values by column name; all arrays have one length. */
export type Columns = Record<string, Value[]>;

/** All columns of a finished result. */
export function columnsOf(reader: DuckDBResultReader, options: ValueOptions): Columns {
  const names = reader.deduplicatedColumnNames();
  const types = reader.columnTypes();
  const columns = reader.getColumns();
  return Object.fromEntries(
    names.map((name, index) => [name, convertColumn(columns[index] ?? [], types[index] as DuckDBType, options)]),
  );
}

/** All rows of a finished result. Values are mapped column by column, so that a type is looked at once and not per value. */
export function rowsOf(reader: DuckDBResultReader, options: ValueOptions): Row[] {
  const columns = columnsOf(reader, options);
  return toRows(Object.keys(columns), Object.values(columns), reader.currentRowCount);
}

/** The rows of one chunk. */
export function rowsOfChunk(
  chunk: DuckDBDataChunk,
  names: readonly string[],
  types: readonly DuckDBType[],
  options: ValueOptions,
): Row[] {
  const columns = chunk.getColumns().map((column, index) => convertColumn(column, types[index] as DuckDBType, options));
  return toRows(names, columns, chunk.rowCount);
}

function convertColumn(column: readonly DuckDBValue[], type: DuckDBType, options: ValueOptions): Value[] {
  const convert = converterOf(type, options);
  return convert === undefined ? (column as Value[]) : column.map(convert);
}

function toRows(names: readonly string[], columns: readonly Value[][], count: number): Row[] {
  const rows = new Array<Row>(count);
  for (let r = 0; r < count; r++) {
    const row: Row = {};
    for (let c = 0; c < names.length; c++) row[names[c] as string] = (columns[c] as Value[])[r] as Value;
    rows[r] = row;
  }
  return rows;
}
