import type { DeclaredColumn } from '../sql.js';

/**
 * The origin of a row in a canonical table: its job, the artifact's ordinal in the job, and the
 * row's number in the artifact. Compacted files hold these columns too.
 */
export const originColumns: readonly DeclaredColumn[] = [
  { name: '_seq', type: 'BIGINT' },
  { name: '_ordinal', type: 'BIGINT' },
  { name: '_row', type: 'BIGINT' },
  { name: '_artifact_key', type: 'VARCHAR' },
];

/** The order of rows in a canonical table. */
export const originOrder = '_seq, _ordinal, _row';

/**
 * `_position` is the number in the file name `<table>~<generation>~<seq>-<ordinal>.parquet`, equal
 * to the one in the journal. `_row` is DuckDB's virtual column, because its option does not work
 * with an explicit schema.
 */
export const positionOfRow = `CAST(replace(regexp_extract(filename, '([0-9]{12}-[0-9]{5})[.]parquet$', 1), '-', '') AS BIGINT) AS _position, file_row_number AS _row`;
