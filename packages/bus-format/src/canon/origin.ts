import type { DeclaredColumn } from '../sql.js';

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

/** The order of a canonical table's rows. */
export const originOrder = '_seq, _ordinal, _row';

/**
 * `_position`: `<table>~<generation>~<seq>-<ordinal>.parquet` as one number, the same that the
 * journal's rows give; `_row`: DuckDB's virtual column (asked for as an option it does not go with
 * an explicit schema).
 */
export const positionOfRow = `CAST(replace(regexp_extract(filename, '([0-9]{12}-[0-9]{5})[.]parquet$', 1), '-', '') AS BIGINT) AS _position, file_row_number AS _row`;
