import { type DeclaredColumn, identifier, literal, literalList, nameInStored, schemaEntries } from '../sql.js';
import { originColumns } from './origin.js';
import { valueOfFile } from './value-of-file.js';

/** A stored file of a canonical table, and its place in the journal. */
export interface StoredRows {
  /** Absolute path. */
  path: string;
  seq: number | bigint;
  ordinal: number | bigint;
  artifactKey: string;
}

/** Planning takes longer than it saves with more files in one SELECT. */
const filesOfASelect = 1000;

/**
 * Returns the SELECT of all rows of stored files, with the table's columns and `originColumns`. The
 * rows come in the order of the files and of the rows in them: nothing is joined or sorted, and
 * DuckDB keeps the order of everything else
 * (https://duckdb.org/docs/stable/sql/dialect/order_preservation).
 */
export function storedRows(columns: readonly DeclaredColumn[], files: readonly StoredRows[]): string {
  if (files.length === 0) return noRows(columns);
  const parts = Array.from({ length: Math.ceil(files.length / filesOfASelect) }, (_, part) =>
    scan(columns, [], files.slice(part * filesOfASelect, (part + 1) * filesOfASelect)),
  );
  return parts.join('\nUNION ALL ');
}

/** Returns a SELECT without rows, with the table's columns and `originColumns`. */
export const noRows = (columns: readonly DeclaredColumn[]): string =>
  `SELECT ${[...columns, ...originColumns].map(({ name, type }) => `CAST(NULL AS ${type}) AS ${identifier(name)}`).join(', ')} WHERE false`;

/**
 * Returns the SELECT of the rows of compacted files, and then of stored files, in this order. It is
 * one scan, which DuckDB can stream with any memory. A UNION ALL it keeps in order only if it may
 * hold the rows of a whole row group.
 */
export const rowsInOneScan = (
  columns: readonly DeclaredColumn[],
  compacted: readonly string[],
  stored: readonly StoredRows[],
): string => (compacted.length + stored.length === 0 ? noRows(columns) : scan(columns, compacted, stored));

function scan(columns: readonly DeclaredColumn[], compacted: readonly string[], stored: readonly StoredRows[]): string {
  const offset = compacted.length;
  const ofFile = (column: DeclaredColumn, values: readonly (string | number | bigint)[]) => {
    const value = valueOfFile(column, values, offset);
    return offset === 0
      ? value
      : `CASE WHEN file_index < ${offset} THEN ${compactedPrefix}${column.name} ELSE ${value} END`;
  };
  // Under names of our own, so that no column hides DuckDB's `file_index`. See `untrusted` for the
  // CASE. A column without a name in stored files has one in compacted ones.
  const values = columns.map(({ name, unnamed }, index) => {
    const value =
      offset > 0 && unnamed ? `CASE WHEN file_index < ${offset} THEN _n${index} ELSE _c${index} END` : `_c${index}`;
    return `CASE WHEN length(filename) > 0 THEN ${value} END AS ${identifier(name)}`;
  });
  const [seq, ordinal, row, key] = originColumns as [DeclaredColumn, DeclaredColumn, DeclaredColumn, DeclaredColumn];
  const places = [
    ofFile(
      seq,
      stored.map(file => file.seq),
    ),
    ofFile(
      ordinal,
      stored.map(file => file.ordinal),
    ),
    offset === 0
      ? 'file_row_number'
      : `CASE WHEN file_index < ${offset} THEN ${compactedPrefix}${row.name} ELSE file_row_number END`,
    ofFile(
      key,
      stored.map(file => literal(file.artifactKey)),
    ),
  ].map((value, index) => `${value} AS ${originColumns[index]?.name}`);
  const ofCompacted =
    offset === 0
      ? []
      : [
          ...schemaEntries(
            originColumns,
            ({ name }) => name,
            ({ name }) => `${compactedPrefix}${name}`,
          ),
          ...columns.flatMap((column, index) =>
            column.unnamed
              ? schemaEntries(
                  [column],
                  ({ name }) => name,
                  () => `_n${index}`,
                )
              : [],
          ),
        ];
  const schema = [...schemaEntries(columns, nameInStored, (_, index) => `_c${index}`), ...ofCompacted];
  const paths = [...compacted, ...stored.map(({ path }) => path)];
  return `SELECT ${[...values, ...places].join(', ')}
FROM read_parquet(${literalList(paths)}, schema = MAP {${schema.join(', ')}}, filename = true)`;
}

const compactedPrefix = '_compacted';
