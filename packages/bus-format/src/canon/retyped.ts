import { fits, isDecimal, isFloat, isInteger } from './types.js';

/**
 * Columns whose type an operation has set (`table_retype`). Files of an earlier type stay in the
 * store as they are, and DuckDB casts their values while it reads them. So each value must be exact
 * in the new type, and the cast must not depend on the time zone of the reader.
 */

/** Types whose text DuckDB reads back as the same value, whatever the time zone. */
const printable = ['BOOLEAN', 'DATE', 'TIME', 'TIMESTAMP', 'TIMESTAMP_NS', 'UUID'];

const isNumber = (type: string): boolean => isInteger(type) || isFloat(type) || isDecimal(type);

/** The types that an operation can set. Of integers, a table has only the widest. */
export const canBeSet = (type: string): boolean =>
  ['BIGINT', 'UBIGINT', 'DOUBLE', 'VARCHAR', 'TIMESTAMP WITH TIME ZONE', ...printable].includes(type) ||
  isPossibleDecimal(type);

function isPossibleDecimal(type: string): boolean {
  const [, digits, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  return Number(digits) <= 38 && Number(scale) <= Number(digits);
}

/** Returns the condition that a cast there and back gives the same value. */
export const unchanged = (column: string, type: string, as: string): string =>
  `TRY_CAST(TRY_CAST(${column} AS ${as}) AS ${type}) = ${column}`;

/**
 * Returns the condition under which an integer or a DECIMAL holds a float, without the sign of its
 * zero. A DECIMAL must have the digits that DuckDB prints: 1234567.89 becomes 1234567.8899999998 as
 * DECIMAL(38,10), because DuckDB multiplies the float.
 */
export function holdsFloat(column: string, type: string, as: string): string {
  const value = `${unchanged(column, type, as)} AND NOT (${column} = 0 AND signbit(${column}))`;
  if (!isDecimal(as)) return value;
  return `${value} AND TRY_CAST(${column} AS ${as}) = TRY_CAST(CAST(${column} AS VARCHAR) AS ${as})`;
}

/**
 * Returns the condition under which a retyped column holds a value of another type; undefined if it
 * never does. It is NULL or false for a value that is not exact.
 */
export function holdsRetyped(column: string, type: string, as: string): string | undefined {
  if (type === 'VARCHAR') return textHolds(column, as);
  const returns = unchanged(column, type, as);
  if (as === 'VARCHAR') return isNumber(type) || printable.includes(type) ? returns : undefined;
  const isNumeric = isNumber(type) && isNumber(as) && as !== 'FLOAT';
  return isNumeric || (/^TIMESTAMP(_NS)?$/.test(type) && as === 'DATE') ? returns : undefined;
}

/**
 * Returns the condition under which a text is a value of another type: as DuckDB prints the value,
 * but for zeros at the end of a fraction. So 007 is no number, because a number has no zeros in
 * front.
 */
function textHolds(column: string, as: string): string | undefined {
  const printed = (text: string, type: string) => `CAST(TRY_CAST(${text} AS ${type}) AS VARCHAR)`;
  const alike = (a: string, b: string) => `${withoutZeros(a)} = ${withoutZeros(b)}`;
  const value = printed(column, as);
  if (isNumber(as)) {
    const isPlain = `regexp_full_match(${column}, '-?(0|[1-9][0-9]*)([.][0-9]+)?')`;
    return `(${value} = ${column} OR (${isPlain} AND ${alike(value, column)}))`;
  }
  if (as === 'TIMESTAMP' || as === 'TIMESTAMP_NS') return isMoment(value, column);
  if (as === 'TIMESTAMP WITH TIME ZONE') {
    const local = `regexp_replace(${column}, '(Z|[+]00(:00)?)$', '')`;
    const isUtc = `epoch_us(TRY_CAST(${column} AS ${as})) = epoch_us(TRY_CAST(${local} AS TIMESTAMP))`;
    return `(${local} <> ${column} AND ${isUtc} AND ${isMoment(printed(local, 'TIMESTAMP'), local)})`;
  }
  if (as === 'TIME') return alike(value, column);
  return printable.includes(as) ? `${value} = ${column}` : undefined;
}

/** ISO 8601 has a T where SQL has a space. A text without a time of day is midnight. */
const isMoment = (printed: string, text: string): string =>
  `(${withoutZeros(printed)} = ${withoutZeros(`replace(${text}, 'T', ' ')`)} OR ${printed} = ${text} || ' 00:00:00')`;

/** Returns SQL for a number or a moment in text, without zeros at the end of its fraction. */
const withoutZeros = (text: string): string =>
  `(CASE WHEN contains(${text}, '.') THEN rtrim(rtrim(${text}, '0'), '.') ELSE ${text} END)`;

/** Whether files of a type may come into a retyped column. */
export const isEarlierType = (was: readonly string[], fileType: string): boolean =>
  was.some(type => fits(fileType, type));
