import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUUIDValue,
  type DuckDBValue,
  listValue,
  mapValue,
  structValue,
} from '@duckdb/node-api';
import { storageError } from '../errors.js';
import type { Interval } from './from-duckdb.js';

/** Why a value does not fit; the caller adds where it stands. */
class Misfit extends Error {}

/**
 * Maps a JavaScript value to a column's type: the inverse of reading, and nothing else is taken (no strings for numbers).
 *
 * @throws StorageError `VALUE_INVALID`, naming row, column and value.
 */
export function toDuckDb(value: unknown, type: DuckDBType, where: { row: number; column: string }): DuckDBValue {
  try {
    return convert(value, type);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    throw storageError(
      'VALUE_INVALID',
      `Row ${where.row}: ${where.column} is ${describe(value)}, which is no ${type}${error.message}.`,
    );
  }
}

const integerRanges = new Map<DuckDBTypeId, [bigint, bigint]>([
  [DuckDBTypeId.TINYINT, [-(2n ** 7n), 2n ** 7n - 1n]],
  [DuckDBTypeId.SMALLINT, [-(2n ** 15n), 2n ** 15n - 1n]],
  [DuckDBTypeId.INTEGER, [-(2n ** 31n), 2n ** 31n - 1n]],
  [DuckDBTypeId.BIGINT, [-(2n ** 63n), 2n ** 63n - 1n]],
  [DuckDBTypeId.HUGEINT, [-(2n ** 127n), 2n ** 127n - 1n]],
  [DuckDBTypeId.UTINYINT, [0n, 2n ** 8n - 1n]],
  [DuckDBTypeId.USMALLINT, [0n, 2n ** 16n - 1n]],
  [DuckDBTypeId.UINTEGER, [0n, 2n ** 32n - 1n]],
  [DuckDBTypeId.UBIGINT, [0n, 2n ** 64n - 1n]],
]);
const asBigint = new Set([DuckDBTypeId.BIGINT, DuckDBTypeId.UBIGINT, DuckDBTypeId.HUGEINT]);

function convert(value: unknown, type: DuckDBType): DuckDBValue {
  if (value === null || value === undefined) return null;
  const range = integerRanges.get(type.typeId);
  if (range !== undefined) return integer(value, range, asBigint.has(type.typeId));
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return take(typeof value === 'boolean', value);
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return take(typeof value === 'number', value);
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.ENUM:
      return take(typeof value === 'string', value);
    case DuckDBTypeId.BLOB:
      return value instanceof Uint8Array ? new DuckDBBlobValue(value) : misfit();
    case DuckDBTypeId.TIMESTAMP:
      return new DuckDBTimestampValue(millis(value) * 1000n);
    case DuckDBTypeId.TIMESTAMP_TZ:
      return new DuckDBTimestampTZValue(millis(value) * 1000n);
    case DuckDBTypeId.TIMESTAMP_S:
      return new DuckDBTimestampSecondsValue(millis(value) / 1000n);
    case DuckDBTypeId.TIMESTAMP_MS:
      return new DuckDBTimestampMillisecondsValue(millis(value));
    case DuckDBTypeId.TIMESTAMP_NS:
      return new DuckDBTimestampNanosecondsValue(millis(value) * 1_000_000n);
    case DuckDBTypeId.DATE:
      return new DuckDBDateValue(days(value));
    case DuckDBTypeId.TIME:
      return new DuckDBTimeValue(timeMicros(value));
    case DuckDBTypeId.DECIMAL:
      return new DuckDBDecimalValue(unscaled(value, type.width, type.scale), type.width, type.scale);
    case DuckDBTypeId.UUID:
      return uuid(value);
    case DuckDBTypeId.INTERVAL:
      return interval(value);
    case DuckDBTypeId.LIST:
      return Array.isArray(value) ? listValue(value.map(item => convert(item, type.valueType))) : misfit();
    case DuckDBTypeId.STRUCT:
      return struct(value, type.entryNames, type.entryTypes);
    case DuckDBTypeId.MAP:
      return value instanceof Map
        ? mapValue(
            [...value].map(([key, item]) => ({
              key: convert(key, type.keyType),
              value: convert(item, type.valueType),
            })),
          )
        : misfit();
    default:
      return misfit(' (this type cannot be written)');
  }
}

function misfit(more = ''): never {
  throw new Misfit(more);
}

const take = (fits: boolean, value: unknown): DuckDBValue => (fits ? (value as DuckDBValue) : misfit());

function integer(value: unknown, [low, high]: [bigint, bigint], big: boolean): DuckDBValue {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return misfit();
  const exact = BigInt(value as bigint | number);
  if (exact < low || exact > high) return misfit(' (out of range)');
  return big ? exact : Number(exact);
}

function millis(value: unknown): bigint {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? BigInt(value.getTime()) : misfit();
}

function days(value: unknown): number {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return misfit(' (give YYYY-MM-DD)');
  const ms = Date.parse(`${value}T00:00:00Z`);
  return Number.isNaN(ms) ? misfit(' (there is no such day)') : ms / 86_400_000;
}

function timeMicros(value: unknown): bigint {
  const match = typeof value === 'string' ? /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(value) : null;
  if (match === null) return misfit(' (give HH:MM:SS or HH:MM:SS.ffffff)');
  const [, hours, minutes, seconds, fraction = ''] = match;
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

/** A decimal is written as its exact text (or a number that has that text); digits that do not fit are refused, never rounded. */
function unscaled(value: unknown, width: number, scale: number): bigint {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  const match = typeof text === 'string' ? /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) : null;
  if (match === null) return misfit(' (give its digits as text, such as "12.50")');
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if (fraction.length > scale) return misfit(` (it has more than ${scale} digits after the point)`);
  const digits = BigInt(`${match[2]}${fraction.padEnd(scale, '0')}`);
  if (digits >= 10n ** BigInt(width)) return misfit(' (out of range)');
  return match[1] === '-' ? -digits : digits;
}

function uuid(value: unknown): DuckDBUUIDValue {
  if (typeof value !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) return misfit();
  return DuckDBUUIDValue.fromUint128(BigInt(`0x${value.replaceAll('-', '')}`));
}

function interval(value: unknown): DuckDBIntervalValue {
  const { months, days: dayCount, micros } = value as Partial<Interval>;
  if (!Number.isInteger(months) || !Number.isInteger(dayCount) || typeof micros !== 'bigint') return misfit();
  return new DuckDBIntervalValue(months as number, dayCount as number, micros);
}

function struct(value: unknown, names: readonly string[], types: readonly DuckDBType[]): DuckDBValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return misfit();
  const fields = value as Record<string, unknown>;
  const stray = Object.keys(fields).find(name => !names.includes(name));
  if (stray !== undefined) return misfit(` (it has no field ${stray})`);
  return structValue(
    Object.fromEntries(names.map((name, index) => [name, convert(fields[name], types[index] as DuckDBType)])),
  );
}

function describe(value: unknown): string {
  const text = typeof value === 'object' ? Object.prototype.toString.call(value) : String(value);
  return `${text.slice(0, 60)} (${typeof value})`;
}
