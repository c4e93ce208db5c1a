import {
  type DuckDBArrayValue,
  type DuckDBBlobValue,
  type DuckDBDateValue,
  type DuckDBIntervalValue,
  type DuckDBListValue,
  type DuckDBMapValue,
  type DuckDBStructValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVariantValue,
} from '@duckdb/node-api';
import { storageError } from '../errors.js';

/** A value as rows hold it. Which type becomes what is documented in docs/reference/type-mapping.md. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | Interval
  | null
  | Value[]
  | Map<Value, Value>
  | { [name: string]: Value };

/** A span of time: months and days have no fixed length. */
export interface Interval {
  months: number;
  days: number;
  /** Microseconds. */
  micros: bigint;
}

/** How values are mapped. */
export interface ValueOptions {
  /**
   * What BIGINT, UBIGINT and HUGEINT become. `number` (default) refuses what a number cannot hold exactly with `INTEGER_UNSAFE`; `bigint` takes
   * everything.
   */
  int64?: 'number' | 'bigint';
}

type Convert = (value: DuckDBValue) => Value;

/** The function that maps the values of one type. Chosen once per column, not per value. Null stays null. */
export function converterOf(type: DuckDBType, options: ValueOptions): Convert | undefined {
  const convert = plainConverter(type, options);
  return convert === undefined ? undefined : value => (value === null ? null : convert(value));
}

const identical = new Set<DuckDBTypeId>([
  DuckDBTypeId.BOOLEAN,
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
  DuckDBTypeId.VARCHAR,
  DuckDBTypeId.ENUM,
  DuckDBTypeId.SQLNULL,
]);

/** Undefined where DuckDB's value is ours already. */
function plainConverter(type: DuckDBType, options: ValueOptions): Convert | undefined {
  if (identical.has(type.typeId)) return undefined;
  switch (type.typeId) {
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return options.int64 === 'bigint' ? undefined : safeNumber;
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return value => dateOfMicros((value as DuckDBTimestampValue | DuckDBTimestampTZValue).micros);
    case DuckDBTypeId.TIMESTAMP_S:
      return value => dateOfMicros((value as DuckDBTimestampSecondsValue).seconds * 1_000_000n);
    case DuckDBTypeId.TIMESTAMP_MS:
      return value => dateOfMicros((value as DuckDBTimestampMillisecondsValue).millis * 1000n);
    case DuckDBTypeId.TIMESTAMP_NS:
      return value => dateOfMicros(floorDiv((value as DuckDBTimestampNanosecondsValue).nanos, 1000n));
    case DuckDBTypeId.DATE:
      return value => (value as DuckDBDateValue).toString();
    case DuckDBTypeId.BLOB:
      return value => (value as DuckDBBlobValue).bytes;
    case DuckDBTypeId.INTERVAL: {
      return value => {
        const { months, days, micros } = value as DuckDBIntervalValue;
        return { months, days, micros };
      };
    }
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY: {
      const item = converterOf(type.valueType, options);
      return value => {
        const items = (value as DuckDBListValue | DuckDBArrayValue).items;
        return item === undefined ? ([...items] as Value[]) : items.map(item);
      };
    }
    case DuckDBTypeId.STRUCT:
      return structConverter(type.entryNames, type.entryTypes, options);
    case DuckDBTypeId.MAP: {
      const key = converterOf(type.keyType, options) ?? asIs;
      const item = converterOf(type.valueType, options) ?? asIs;
      return value => new Map((value as DuckDBMapValue).entries.map(entry => [key(entry.key), item(entry.value)]));
    }
    case DuckDBTypeId.UNION: {
      const members = new Map(
        type.memberTags.map((tag, index) => [tag, converterOf(type.memberTypes[index] as DuckDBType, options) ?? asIs]),
      );
      return value => {
        const { tag, value: inner } = value as DuckDBUnionValue;
        return { tag, value: (members.get(tag) ?? asIs)(inner) };
      };
    }
    default:
      // DECIMAL, TIME, UUID, BIT and what is rarer still: their exact text.
      return value => (value instanceof DuckDBVariantValue ? String(value.value) : String(value));
  }
}

function structConverter(names: readonly string[], types: readonly DuckDBType[], options: ValueOptions): Convert {
  const members = names.map((name, index) => [name, converterOf(types[index] as DuckDBType, options) ?? asIs] as const);
  return value => {
    const { entries } = value as DuckDBStructValue;
    return Object.fromEntries(members.map(([name, convert]) => [name, convert(entries[name] as DuckDBValue)]));
  };
}

const asIs: Convert = value => value as Value;

function safeNumber(value: DuckDBValue): number {
  const number = Number(value as bigint);
  if (Number.isSafeInteger(number)) return number;
  throw storageError('INTEGER_UNSAFE', `The integer ${value} cannot be held exactly by a JavaScript number.`);
}

/** Milliseconds, rounded down; infinity has no Date and becomes an invalid one. */
function dateOfMicros(micros: bigint): Date {
  return new Date(Number(floorDiv(micros, 1000n)));
}

const floorDiv = (a: bigint, b: bigint): bigint => (a < 0n && a % b !== 0n ? a / b - 1n : a / b);
