import { type DeclaredColumn, foreignSchema, literal, literalList, untrusted } from '../sql.js';

/** A stored file of a canonical table, and its place in the journal. */
export interface StoredRows {
  /** Absolute path. */
  path: string;
  seq: number | bigint;
  ordinal: number | bigint;
  artifactKey: string;
}

/**
 * Returns the SELECT of all rows of stored files, with the table's columns and `originColumns`.
 * Needs at least one file.
 */
export function storedRows(columns: readonly DeclaredColumn[], files: readonly StoredRows[]): string {
  const origins = files.map(
    ({ path, seq, ordinal, artifactKey }) => `(${literal(path)}, ${seq}, ${ordinal}, ${literal(artifactKey)})`,
  );
  return `SELECT ${untrusted(columns, 'f')}, o.seq AS _seq, o.ordinal AS _ordinal, f.file_row_number AS _row, o.artifact_key AS _artifact_key
FROM read_parquet(${literalList(files.map(({ path }) => path))}, schema = ${foreignSchema(columns)}, filename = true) f
JOIN (VALUES ${origins.join(', ')}) o(path, seq, ordinal, artifact_key) ON f.filename = o.path`;
}
