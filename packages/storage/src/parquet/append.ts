import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk, DuckDBVector } from '@duckdb/node-api';
import { storageError } from '../errors.js';
import { Misfit } from '../types/encode.js';
import type { Column } from './schema.js';
import type { ColumnSource, RowSource } from './sources.js';

const chunkRows = DuckDBVector.standardSize();

/** Appends rows to a table, chunk by chunk, and returns their number. */
export async function appendRows(
  connection: DuckDBConnection,
  table: string,
  columns: readonly Column[],
  rows: RowSource,
): Promise<number> {
  const appender = await connection.createAppender(table);
  const names = new Set(columns.map(column => column.name));
  let waiting: object[] = [];
  let done = 0;
  const flush = () => {
    appendChunk(appender, columns, waiting.length, (column, row) => read(waiting[row]!, column.name), done);
    done += waiting.length;
    waiting = [];
  };
  for await (const row of rows) {
    assertKnown(row, names, done + waiting.length);
    waiting.push(row);
    if (waiting.length === chunkRows) flush();
  }
  if (waiting.length > 0) flush();
  appender.closeSync();
  return done;
}

/** Appends whole columns to a table, and returns the number of rows. */
export async function appendColumns(
  connection: DuckDBConnection,
  table: string,
  columns: readonly Column[],
  data: ColumnSource,
): Promise<number> {
  const rows = lengthOf(columns, data);
  const appender = await connection.createAppender(table);
  for (let from = 0; from < rows; from += chunkRows) {
    const count = Math.min(chunkRows, rows - from);
    appendChunk(appender, columns, count, (column, row) => data[column.name]![from + row], from);
  }
  appender.closeSync();
  return rows;
}

function appendChunk(
  appender: DuckDBAppender,
  columns: readonly Column[],
  count: number,
  valueAt: (column: Column, row: number) => unknown,
  firstRow: number,
): void {
  const chunk = DuckDBDataChunk.create(
    columns.map(column => column.type),
    count,
  );
  columns.forEach((column, index) => {
    const vector = chunk.getColumnVector(index);
    for (let row = 0; row < count; row++) {
      const value = valueAt(column, row);
      vector.setItem(row, value === null || value === undefined ? null : encode(column, value, firstRow + row));
    }
    vector.flush();
  });
  appender.appendDataChunk(chunk);
}

function encode({ name, type, encode: encoder }: Column, value: unknown, row: number) {
  try {
    return encoder(value);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    throw storageError('VALUE_INVALID', `Row ${row}, column ${name} (${type}): ${error.message}.`);
  }
}

/**
 * Read only a row's own properties: `constructor` may be a column, and every object inherits one.
 */
const read = (row: object, name: string): unknown =>
  Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : undefined;

/**
 * Refuses a property without a column: it is usually misspelt, and the intended column would be
 * NULL.
 */
function assertKnown(row: object, names: ReadonlySet<string>, index: number): void {
  if (typeof row !== 'object' || row === null)
    throw storageError('VALUE_INVALID', `Row ${index} is not an object but ${String(row)}.`);
  for (const name in row) {
    if (!names.has(name) && Object.hasOwn(row, name))
      throw storageError(
        'VALUE_INVALID',
        `Row ${index} has ${JSON.stringify(name)}, which is not a column of the schema.`,
        {
          hint: 'Add it to the schema, or leave it out of the rows.',
          details: [`the columns are ${[...names].join(', ')}`],
        },
      );
  }
}

function lengthOf(columns: readonly Column[], data: ColumnSource): number {
  const names = columns.map(column => column.name);
  const unknown = Object.keys(data).find(name => !names.includes(name));
  if (unknown !== undefined)
    throw storageError('VALUE_INVALID', `There are values for ${JSON.stringify(unknown)}, which is not a column.`);
  const missing = names.find(name => !Object.hasOwn(data, name));
  if (missing !== undefined) throw storageError('VALUE_INVALID', `There are no values for the column ${missing}.`);
  const lengths = names.map(name => data[name]!.length);
  if (new Set(lengths).size > 1)
    throw storageError('VALUE_INVALID', 'The columns have different lengths.', {
      details: names.map((name, index) => `${name}: ${lengths[index]}`),
    });
  return lengths[0] ?? 0;
}
