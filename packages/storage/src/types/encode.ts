import * as api from '@duckdb/node-api';
import { daysOfDateText, microsOfTimeText, plainNumberText, scaledOfDecimalText } from './formats.js';

/** Thrown for a value that does not fit; the writer adds column and row. */
export class Misfit extends Error {}

/** Converts a JavaScript value, not null or undefined, to a value for DuckDB. @throws Misfit */
export type Encoder = (value: unknown) => api.DuckDBValue;

/**
 * Returns the encoder of a type: the inverse of the default mapping, and of the other mappings
 * where they are unambiguous.
 */
export function encoderOf(type: api.DuckDBType): Encoder {
  const nested = nestedEncoder(type);
  if (nested !== undefined) return nested;
  const encode = scalarEncoders[type.typeId];
  if (encode === undefined) throw new Misfit(`${type} cannot be written`);
  return encode;
}

const misfit = (expected: string, value: unknown) => new Misfit(`expected ${expected}, found ${describe(value)}`);

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

const expecting =
  <T extends api.DuckDBValue>(expected: string, fits: (value: unknown) => value is T): Encoder =>
  value => {
    if (!fits(value)) throw misfit(expected, value);
    return value;
  };

const smallInteger = (min: number, max: number): Encoder => {
  const expected = `a whole number from ${min} to ${max}`;
  return value => {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max)
      throw misfit(expected, value);
    return number;
  };
};

const bigInteger = (min: bigint, max: bigint): Encoder => {
  const expected = `a bigint or a safe whole number from ${min} to ${max}`;
  return value => {
    if (typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'bigint')
      throw misfit(expected, value);
    const big = BigInt(value as number | bigint);
    if (big < min || big > max) throw misfit(expected, value);
    return big;
  };
};

/** Converts a Date to microseconds since 1970. Microseconds stay as they are. */
function micros(value: unknown): bigint {
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value) throw misfit('microseconds that fit into 64 bits', value);
    return value;
  }
  if (!(value instanceof Date) || Number.isNaN(value.getTime()))
    throw misfit('a valid Date, or a bigint of microseconds since 1970', value);
  return BigInt(value.getTime()) * 1000n;
}

function nanos(value: unknown): bigint {
  const exact = micros(value) * 1000n;
  if (BigInt.asIntN(64, exact) !== exact) throw misfit('a time between 1677 and 2262', value);
  return exact;
}

const msPerDay = 86_400_000;

function date(value: unknown): api.DuckDBValue {
  const days =
    typeof value === 'string' ? daysOfDateText(value) : value instanceof Date ? value.getTime() / msPerDay : undefined;
  if (days === undefined || !Number.isInteger(days)) throw misfit("'YYYY-MM-DD', or a Date at midnight UTC", value);
  return new api.DuckDBDateValue(days);
}

function time(value: unknown): api.DuckDBValue {
  const since = typeof value === 'string' ? microsOfTimeText(value) : undefined;
  if (since === undefined) throw misfit("'HH:MM:SS' with at most six decimals", value);
  return new api.DuckDBTimeValue(since);
}

/** Parquet stores intervals as whole milliseconds that are not negative. */
function interval(value: unknown): api.DuckDBValue {
  const { months, days, micros: time } = (value ?? {}) as { months?: unknown; days?: unknown; micros?: unknown };
  const fits = (part: unknown) => Number.isInteger(part) && (part as number) >= 0 && (part as number) < 2 ** 31;
  if (
    !fits(months) ||
    !fits(days) ||
    typeof time !== 'bigint' ||
    time < 0n ||
    time % 1000n !== 0n ||
    time >= 2n ** 32n * 1000n
  )
    throw misfit('{ months, days, micros: bigint } of whole milliseconds, not negative', value);
  return new api.DuckDBIntervalValue(months as number, days as number, time);
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function uuid(value: unknown): api.DuckDBValue {
  if (typeof value !== 'string' || !uuidPattern.test(value)) throw misfit('a UUID', value);
  return api.DuckDBUUIDValue.fromUint128(BigInt(`0x${value.replaceAll('-', '')}`));
}

function varchar(value: unknown): api.DuckDBValue {
  if (typeof value !== 'string') throw misfit('a string', value);
  // A lone surrogate has no UTF-8 and would silently become U+FFFD.
  if (!value.isWellFormed()) throw misfit('a string of whole characters', value);
  return value;
}

const scalarEncoders: Partial<Record<api.DuckDBTypeId, Encoder>> = {
  [api.DuckDBTypeId.BOOLEAN]: expecting('true or false', value => typeof value === 'boolean'),
  [api.DuckDBTypeId.TINYINT]: smallInteger(-128, 127),
  [api.DuckDBTypeId.SMALLINT]: smallInteger(-32768, 32767),
  [api.DuckDBTypeId.INTEGER]: smallInteger(-(2 ** 31), 2 ** 31 - 1),
  [api.DuckDBTypeId.UTINYINT]: smallInteger(0, 255),
  [api.DuckDBTypeId.USMALLINT]: smallInteger(0, 65535),
  [api.DuckDBTypeId.UINTEGER]: smallInteger(0, 2 ** 32 - 1),
  [api.DuckDBTypeId.BIGINT]: bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  [api.DuckDBTypeId.UBIGINT]: bigInteger(0n, 2n ** 64n - 1n),
  [api.DuckDBTypeId.FLOAT]: value => {
    if (typeof value !== 'number') throw misfit('a number', value);
    if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) throw misfit('a number within FLOAT', value);
    return value;
  },
  [api.DuckDBTypeId.DOUBLE]: expecting('a number', value => typeof value === 'number'),
  [api.DuckDBTypeId.VARCHAR]: varchar,
  [api.DuckDBTypeId.BLOB]: value => {
    if (!(value instanceof Uint8Array)) throw misfit('a Uint8Array', value);
    return api.blobValue(value);
  },
  [api.DuckDBTypeId.UUID]: uuid,
  [api.DuckDBTypeId.DATE]: date,
  [api.DuckDBTypeId.TIME]: time,
  [api.DuckDBTypeId.TIMESTAMP]: value => new api.DuckDBTimestampValue(micros(value)),
  [api.DuckDBTypeId.TIMESTAMP_TZ]: value => new api.DuckDBTimestampTZValue(micros(value)),
  [api.DuckDBTypeId.TIMESTAMP_NS]: value => new api.DuckDBTimestampNanosecondsValue(nanos(value)),
  [api.DuckDBTypeId.INTERVAL]: interval,
};

function nestedEncoder(type: api.DuckDBType): Encoder | undefined {
  if (type instanceof api.DuckDBDecimalType) return decimalEncoder(type);
  if (type instanceof api.DuckDBListType) return listEncoder(encoderOf(type.valueType));
  if (type instanceof api.DuckDBStructType) return structEncoder(type);
  if (type instanceof api.DuckDBMapType) return mapEncoder(encoderOf(type.keyType), encoderOf(type.valueType));
  return undefined;
}

function decimalEncoder({ width, scale }: api.DuckDBDecimalType): Encoder {
  const limit = 10n ** BigInt(width);
  const expected = `a decimal number with at most ${width - scale} digits before and ${scale} behind the point (never rounded here)`;
  return value => {
    const text =
      typeof value === 'number' && Number.isFinite(value)
        ? plainNumberText(value)
        : typeof value === 'bigint'
          ? String(value)
          : value;
    const scaled = typeof text === 'string' ? scaledOfDecimalText(text, scale) : undefined;
    if (scaled === undefined || scaled >= limit || scaled <= -limit) throw misfit(expected, value);
    return new api.DuckDBDecimalValue(scaled, width, scale);
  };
}

const orNull = (encode: Encoder, value: unknown, at: string): api.DuckDBValue => {
  if (value === null || value === undefined) return null;
  try {
    return encode(value);
  } catch (error) {
    throw error instanceof Misfit ? new Misfit(`${at}: ${error.message}`) : error;
  }
};

function listEncoder(element: Encoder): Encoder {
  return value => {
    if (!Array.isArray(value)) throw misfit('an array', value);
    return api.listValue(value.map((item, index) => orNull(element, item, `[${index}]`)));
  };
}

function structEncoder(type: api.DuckDBStructType): Encoder {
  const encoders = type.entryTypes.map(encoderOf);
  return value => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw misfit('an object', value);
    const record = value as Record<string, unknown>;
    const unknown = Object.keys(record).find(name => !type.entryNames.includes(name));
    if (unknown !== undefined) throw new Misfit(`the type has no field ${JSON.stringify(unknown)}`);
    const entries: Record<string, api.DuckDBValue> = Object.create(null);
    type.entryNames.forEach((name, i) => {
      entries[name] = orNull(encoders[i]!, Object.hasOwn(record, name) ? record[name] : null, `.${name}`);
    });
    return api.structValue(entries);
  };
}

const isNested = (value: api.DuckDBValue): boolean =>
  [api.DuckDBListValue, api.DuckDBStructValue, api.DuckDBMapValue].some(kind => value instanceof kind);

function mapEncoder(key: Encoder, item: Encoder): Encoder {
  return value => {
    if (!(value instanceof Map)) throw misfit('a Map', value);
    const entries = [...value].map(([k, v]) => {
      if (k === null || k === undefined) throw new Misfit('a key of a MAP cannot be null');
      return { key: orNull(key, k, 'key'), value: orNull(item, v, `value of ${describe(k)}`) };
    });
    // As text, because 1 and 1n are the same BIGINT.
    const plain = entries.flatMap(({ key }) => (isNested(key) ? [] : String(key)));
    const seen = new Set<string>();
    const twice = plain.find(text => seen.size === seen.add(text).size);
    if (twice !== undefined) throw new Misfit(`a MAP cannot have the key ${twice} twice`);
    return api.mapValue(entries);
  };
}
