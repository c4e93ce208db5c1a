import { storageError } from '../errors.js';

/** A span of time, DuckDB's INTERVAL. */
export interface IntervalValue {
  months: number;
  days: number;
  micros: bigint;
}

/**
 * A value read from DuckDB or Parquet. docs/reference/type-mapping.md has the value of each type.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | IntervalValue
  | readonly Value[]
  | ReadonlyMap<Value, Value>
  | { readonly [field: string]: Value };

/**
 * One row by column name. The values are those of {@link Value}. They are typed loosely, so that
 * `rows[0].canonical_path` compiles without a type argument. Pass one where it matters:
 * `readParquet<Candle>(path)`.
 */
// biome-ignore lint/suspicious/noExplicitAny: only the author of the SQL knows the shape of a row
export type Row = Record<string, any>;

/** Columns by name, all of the same length. */
export type Columns = Record<string, Value[]>;

/** A typed array of numbers. */
export type NumericArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/**
 * Columns by name, all of the same length: numbers without a NULL as typed arrays, all others as
 * arrays.
 */
export type TypedColumns = Record<string, NumericArray | Value[]>;

/** The JavaScript representation of types that have more than one. */
export interface TypeMapping {
  /**
   * BIGINT, UBIGINT, HUGEINT and UHUGEINT: `'number'` (default; a value beyond ±(2^53 − 1) is the
   * error `VALUE_UNREPRESENTABLE`, never rounded) or `'bigint'`.
   */
  int64?: 'number' | 'bigint';
  /**
   * DECIMAL: `'string'` (default; exact, with all digits of the scale: `'12.50'`) or `'number'`
   * (the nearest double).
   */
  decimal?: 'string' | 'number';
  /**
   * TIMESTAMP in all its kinds: `'date'` (default; a `Date`, cut to milliseconds), `'micros'` or
   * `'nanos'` (microseconds or nanoseconds since 1970 as `bigint`, exact: a TIMESTAMP_NS finer than
   * a microsecond is the error `VALUE_UNREPRESENTABLE` for `'micros'`; an infinity is ±(2^63 − 1)).
   */
  timestamp?: 'date' | 'micros' | 'nanos';
}

/** The defaults of {@link TypeMapping}. */
export const defaultMapping: Required<TypeMapping> = { int64: 'number', decimal: 'string', timestamp: 'date' };

/** The names of {@link TypeMapping}. */
export const mappingNames = { int64: true, decimal: true, timestamp: true } as const;

const choices: { [Option in keyof TypeMapping]-?: readonly Required<TypeMapping>[Option][] } = {
  int64: ['number', 'bigint'],
  decimal: ['string', 'number'],
  timestamp: ['date', 'micros', 'nanos'],
};

/** Fills in the defaults, and refuses unknown values. */
export function resolveMapping(options: TypeMapping): Required<TypeMapping> {
  const resolved = { ...defaultMapping };
  for (const option of Object.keys(choices) as (keyof TypeMapping)[]) {
    const value = options[option];
    if (value === undefined) continue;
    if (!(choices[option] as readonly string[]).includes(value))
      throw storageError(
        'OPTIONS_INVALID',
        `${option} is ${typeof value === 'string' ? JSON.stringify(value) : `a ${typeof value}`}.`,
        {
          details: [`${option}: must be ${choices[option].map(choice => `'${choice}'`).join(' or ')}`],
        },
      );
    Object.assign(resolved, { [option]: value });
  }
  return resolved;
}
