import { type DeclaredColumn, foreignSchema, identifier, literal, literalList } from '../sql.js';
import { originColumns } from './origin.js';

/** A stored file of a canonical table, and its place in the journal. */
export interface StoredRows {
  /** Absolute path. */
  path: string;
  seq: number | bigint;
  ordinal: number | bigint;
  artifactKey: string;
}

/** DuckDB copies the lists of places for each 2,048 rows, so a SELECT has only some files. */
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
    rowsOf(columns, files.slice(part * filesOfASelect, (part + 1) * filesOfASelect)),
  );
  return parts.join('\nUNION ALL ');
}

/** Returns a SELECT without rows, with the table's columns and `originColumns`. */
export const noRows = (columns: readonly DeclaredColumn[]): string =>
  `SELECT ${[...columns, ...originColumns].map(({ name, type }) => `CAST(NULL AS ${type}) AS ${identifier(name)}`).join(', ')} WHERE false`;

function rowsOf(columns: readonly DeclaredColumn[], files: readonly StoredRows[]): string {
  const ofFile = (type: string, values: readonly (string | number | bigint)[]) =>
    `list_extract(CAST([${values.join(', ')}] AS ${type}[]), CAST(file_index AS BIGINT) + 1)`;
  const paths = files.map(({ path }) => path);
  // Under names of our own, so that no column hides DuckDB's `file_index`. See `untrusted` for the
  // CASE.
  const values = columns.map(
    ({ name }, index) => `CASE WHEN length(filename) > 0 THEN _c${index} END AS ${identifier(name)}`,
  );
  return `SELECT ${values.join(', ')}, ${ofFile(
    'BIGINT',
    files.map(({ seq }) => seq),
  )} AS _seq, ${ofFile(
    'BIGINT',
    files.map(({ ordinal }) => ordinal),
  )} AS _ordinal, file_row_number AS _row, ${ofFile(
    'VARCHAR',
    files.map(({ artifactKey }) => literal(artifactKey)),
  )} AS _artifact_key
FROM read_parquet(${literalList(paths)}, schema = ${foreignSchema(columns, (_, index) => `_c${index}`)}, filename = true)`;
}
