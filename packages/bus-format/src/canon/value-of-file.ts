import type { DeclaredColumn } from '../sql.js';

/** DuckDB copies a list for every 2,048 rows, so a list has the values of only some files. */
const filesOfAList = 128;

/**
 * Returns SQL for the value of a row's file, by DuckDB's `file_index`. Neighbours of one form share
 * an expression without a list: one value for all of them, or numbers that count on.
 *
 * @param values one literal per file.
 * @param offset the index of the first of these files.
 */
export function valueOfFile(
  { type }: Pick<DeclaredColumn, 'type'>,
  values: readonly (string | number | bigint)[],
  offset: number,
): string {
  const pieces: Piece[] = [];
  for (let from = 0; from < values.length; from += filesOfAList) {
    const sql = valueOfPiece(type, values.slice(from, from + filesOfAList), offset + from);
    if (pieces.at(-1)?.sql !== sql) pieces.push({ from: offset + from, sql });
  }
  return choose(pieces);
}

interface Piece {
  /** The index of its first file. */
  from: number;
  sql: string;
}

function valueOfPiece(type: string, values: readonly (string | number | bigint)[], from: number): string {
  const [first] = values;
  if (values.every(value => value === first)) return `CAST(${first} AS ${type})`;
  if (typeof first !== 'string' && values.every((value, i) => BigInt(value) === BigInt(first ?? 0) + BigInt(i)))
    return `CAST(file_index AS ${type}) + CAST(${BigInt(first ?? 0) - BigInt(from)} AS ${type})`;
  return `list_extract(CAST([${values.join(', ')}] AS ${type}[]), CAST(file_index AS BIGINT) + 1 - ${from})`;
}

/** Halves the pieces, so that a row of the last one takes few comparisons. */
function choose(pieces: readonly Piece[]): string {
  const middle = pieces[pieces.length >> 1];
  if (pieces.length < 2 || middle === undefined) return pieces[0]?.sql ?? 'NULL';
  const [low, high] = [pieces.slice(0, pieces.length >> 1), pieces.slice(pieces.length >> 1)];
  return `CASE WHEN file_index < ${middle.from} THEN ${choose(low)} ELSE ${choose(high)} END`;
}
