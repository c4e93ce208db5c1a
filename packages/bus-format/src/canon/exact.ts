import type { ParquetColumn } from '@quantbot/infra';
import { foldName, nullType } from '@quantbot/infra/bus';
import { identifier } from '../sql.js';
import { parseNested } from './nested-type.js';
import { holdsFloat, holdsRetyped, isEarlierType, unchanged } from './retyped.js';
import { type CanonColumn, type CanonTable, isChosen } from './table.js';
import { canonicalType, fits, isDecimal, isFloat, isInteger, widened, widerByValues } from './types.js';

/**
 * Files whose type does not fit that of the table's column, but whose values do: decoding compares
 * each value, and the journal keeps the type as which they were found to be exact.
 */

/** A column of a file, as a canonical table takes it. */
export interface FileColumn extends ParquetColumn {
  /** The type of the table's column that holds each value of the file exactly, or `"NULL"`. */
  as?: string;
  /** A value of the file that the type of the table's column does not hold. */
  misfit?: string;
  /** A wider type that holds each value of the file exactly, too. */
  also?: string;
}

/**
 * What decoding found about a column, by type: null if the type holds every value, or the first
 * other value.
 */
export type JudgedValues = ReadonlyMap<string, string | null>;

/** A question to the decoder: does another type hold each value of a column? */
export interface ExactQuestion {
  column: string;
  /** The type in the file. */
  type: string;
  unnamed?: boolean;
  /** The other type. */
  as: string;
  /** SQL over the column, true for each value that the other type holds, and for NULL. */
  holds: string;
}

/** By type of a file, the types that hold some of its values, and the condition for those. */
const times: Readonly<Record<string, Readonly<Record<string, (column: string) => string>>>> = {
  TIMESTAMP_NS: { TIMESTAMP: column => `epoch_ns(${column}) % 1000 = 0` },
  // From the first to the last whole day and microsecond that DuckDB can print and write again.
  TIMESTAMP: {
    TIMESTAMP_NS: column =>
      `${column} BETWEEN TIMESTAMP '1677-09-22 00:00:00' AND TIMESTAMP '2262-04-11 23:47:16.854775'`,
  },
  DATE: {
    TIMESTAMP: column => unchanged(column, 'DATE', 'TIMESTAMP'),
    TIMESTAMP_NS: column => `${column} BETWEEN DATE '1677-09-22' AND DATE '2262-04-11'`,
  },
};

/**
 * Returns the condition under which a type holds a value of another one; undefined if it never
 * does.
 */
function holds(column: string, type: string, as: string): string | undefined {
  const ofTime = times[type]?.[as];
  if (ofTime !== undefined) return ofTime(column);
  if (isFloat(type) && (isInteger(as) || isDecimal(as))) return holdsFloat(column, type, as);
  const isWhole = isInteger(type) && (isInteger(as) || isDecimal(as) || as === 'DOUBLE');
  return isWhole || (isDecimal(type) && (isDecimal(as) || isInteger(as))) ? unchanged(column, type, as) : undefined;
}

/**
 * Returns the condition under which a type holds a value of another one, if an operation has set
 * the type; undefined if it never does.
 */
const holdsOnceSet = (column: string, type: string, as: string): string | undefined =>
  holds(column, type, as) ?? holdsRetyped(column, type, as);

/** A column that is asked for another type: the types that it had before an operation set one. */
type Asked = Pick<CanonColumn, 'was'>;

const conditionFor = (column: string, type: string, as: string, { was }: Asked): string | undefined =>
  was !== undefined && isEarlierType(was, type) ? holdsOnceSet(column, type, as) : holds(column, type, as);

/** Whether a column of the table may hold the values of a file whose type does not fit. */
export const mayHold = (fileType: string, tableType: string, asked: Asked = {}): boolean =>
  !fits(fileType, tableType) && conditionFor('x', fileType, tableType, asked) !== undefined;

/** The types of columns that other files of the same batch may create. */
const likely = ['BIGINT', 'UBIGINT', 'DOUBLE', 'TIMESTAMP', 'TIMESTAMP_NS'];

/**
 * Returns the questions about a file: for each column whose type does not fit the table's, for each
 * column that may widen later, and for each column that the table does not have yet, because an
 * earlier job of the batch may bring it.
 */
export function questionsAbout(table: CanonTable | undefined, columns: readonly ParquetColumn[]): ExactQuestion[] {
  const known = settledColumns(table);
  return columns.flatMap(({ name, type, unnamed }) => {
    const column = known.get(foldName(name));
    const types = column === undefined ? likely : [column.type, ...(column.also === undefined ? [] : [column.also])];
    const asked = types
      .filter(as => mayHold(type, as, column))
      .map(as => ({ column: name, type, as, holds: question(name, type, as, column), ...(unnamed && { unnamed }) }));
    if ((column !== undefined && fits(type, column.type)) || !mayBeOnlyNull(type, column?.type)) return asked;
    // TRY has no statistics: a file may claim that all values are NULL.
    const onlyNull = { column: name, type, as: nullType, holds: `TRY(${identifier(name)}) IS NULL` };
    return [...asked, { ...onlyNull, ...(unnamed && { unnamed }) }];
  });
}

/** DuckDB reads NULL of any plain type as any other type. */
const mayBeOnlyNull = (fileType: string, tableType = ''): boolean =>
  parseNested(fileType).kind === 'plain' && fileType !== nullType && !tableType.includes(nullType);

/** Returns the columns, by folded name, whose type a value or the configuration has fixed. */
const settledColumns = (table: Pick<CanonTable, 'columns'> | undefined): Map<string, CanonColumn> =>
  new Map(
    table?.columns
      .filter(({ type, open }) => !open && type !== nullType)
      .map(column => [foldName(column.name), column]),
  );

const question = (name: string, type: string, as: string, asked: Asked = {}): string => {
  const column = identifier(name);
  return orNull(column, conditionFor(column, type, as, asked));
};

const orNull = (column: string, condition: string | undefined): string => `coalesce(${condition}, ${column} IS NULL)`;

/**
 * Returns the question whether a type that an operation is about to set holds each value of a
 * file's column; undefined if it cannot.
 */
export function questionBeforeSet(
  { name, type, unnamed }: Pick<ParquetColumn, 'name' | 'type' | 'unnamed'>,
  as: string,
): ExactQuestion | undefined {
  const column = identifier(name);
  const condition = holdsOnceSet(column, type, as);
  return condition === undefined
    ? undefined
    : { column: name, type, as, holds: orNull(column, condition), ...(unnamed && { unnamed }) };
}

/** Whether decoding has not compared the values of a file with the types of its table. */
export const isUnjudged = (
  table: CanonTable | undefined,
  columns: readonly ParquetColumn[],
  judged: ReadonlyMap<string, JudgedValues> | undefined,
): boolean => questionsAbout(table, columns).some(({ column, as }) => judged?.get(column)?.has(as) !== true);

/** Returns the columns of a file with what decoding found about their values. */
export function judgedColumns(
  table: Pick<CanonTable, 'columns'> | undefined,
  columns: readonly ParquetColumn[],
  judged: ReadonlyMap<string, JudgedValues> | undefined,
): readonly FileColumn[] {
  if (judged === undefined || judged.size === 0) return columns;
  const known = settledColumns(table);
  return columns.map(column => {
    const there = known.get(foldName(column.name));
    const found = judged.get(column.name);
    const also = there === undefined ? widerByValues[canonicalType(column.type)] : there.also;
    const isExact = also !== undefined && !fits(column.type, also) && found?.get(also) === null;
    return { ...judgedColumn(there, column, found), ...(isExact && { also }) };
  });
}

function judgedColumn(
  there: CanonColumn | undefined,
  column: ParquetColumn,
  found: JudgedValues | undefined,
): FileColumn {
  const isNull = found?.get(nullType) === null;
  if (isNull && there === undefined) return { ...column, as: nullType };
  if (there === undefined || fits(column.type, there.type)) return column;
  if (!isChosen(there) && widened(there.type, column.type) !== undefined) return column;
  if (isNull) return { ...column, as: nullType };
  const misfit = found?.get(there.type);
  if (misfit === undefined) return column;
  return misfit === null ? { ...column, as: there.type } : { ...column, misfit };
}

/** Whether a type holds each value of a file's column exactly. */
export const isExactAs = ({ type, as, also }: FileColumn, wider: string): boolean =>
  as === nullType || also === wider || fits(type, wider);
