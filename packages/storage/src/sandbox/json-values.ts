import {
  type DuckDBBlobValue,
  type DuckDBDateValue,
  DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBTimeNSValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBTimeValue,
  DuckDBTypeId,
  type DuckDBValue,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
} from '@duckdb/node-api';
import { storageError } from '../errors.js';
import { checkedTime, isInfinite } from '../types/decode-times.js';
import { blobText, dateText, isoText } from '../types/formats.js';

/**
 * Returns a converter of DuckDB's values to lossless JSON. An integer within ±(2^53 − 1) is a
 * number, any other its digits. DECIMAL is a string with all its digits. A time is ISO 8601 in UTC
 * with all its digits, a date ISO 8601 (with signed six-digit years outside 0 to 9999). NaN and
 * infinities are strings, because JSON has no such numbers.
 */
export function jsonConverterOf(column: string): DuckDBValueConverter<Json> {
  return (value, type, converter) => {
    if (value === null) return null;
    switch (type.typeId) {
      case DuckDBTypeId.BIGINT:
      case DuckDBTypeId.UBIGINT:
      case DuckDBTypeId.HUGEINT:
      case DuckDBTypeId.UHUGEINT: {
        const number = Number(value as bigint);
        return Number.isSafeInteger(number) ? number : String(value);
      }
      case DuckDBTypeId.DATE:
        return dateText((value as DuckDBDateValue).days);
      case DuckDBTypeId.TIME:
        return checkedTime((value as DuckDBTimeValue).micros, 6, column);
      case DuckDBTypeId.TIME_NS:
        return checkedTime((value as DuckDBTimeNSValue).nanos, 9, column);
      case DuckDBTypeId.TIMESTAMP_S:
        return isoTime((value as DuckDBTimestampSecondsValue).seconds, 1_000_000_000n);
      case DuckDBTypeId.TIMESTAMP_MS:
        return isoTime((value as DuckDBTimestampMillisecondsValue).millis, 1_000_000n);
      case DuckDBTypeId.TIMESTAMP:
      case DuckDBTypeId.TIMESTAMP_TZ: // whose own text depends on the machine's time zone
        return isoTime((value as DuckDBTimestampValue | DuckDBTimestampTZValue).micros, 1000n);
      case DuckDBTypeId.TIMESTAMP_NS:
        return isoTime((value as DuckDBTimestampNanosecondsValue).nanos, 1n);
      case DuckDBTypeId.BLOB:
        return blobText((value as DuckDBBlobValue).bytes);
      case DuckDBTypeId.STRUCT:
        if (type instanceof DuckDBStructType) return structJson(value, type, converter, column);
    }
    return JsonDuckDBValueConverter(value, type, converter);
  };
}

const isoTime = (raw: bigint, unitNanos: bigint): string => {
  if (isInfinite(raw)) return raw > 0n ? 'infinity' : '-infinity';
  return isoText(raw * unitNanos);
};

function structJson(
  value: DuckDBValue,
  { entryNames, entryTypes }: DuckDBStructType,
  converter: DuckDBValueConverter<Json>,
  column: string,
): Json {
  // The binding's object has one property for fields of the same name, and none for `__proto__`.
  if (new Set(entryNames).size < entryNames.length || entryNames.includes('__proto__'))
    throw storageError(
      'TYPE_UNSUPPORTED',
      `The column ${column} has a STRUCT whose field names are not distinct in JSON.`,
      {
        hint: 'Name the fields of the STRUCT, or CAST it to VARCHAR.',
      },
    );
  const { entries } = value as DuckDBStructValue;
  return Object.fromEntries(
    entryNames.map((name, index) => [name, converter(entries[name] ?? null, entryTypes[index]!, converter)]),
  );
}

/**
 * Types that DuckDB's CAST cannot turn into text for every value: it fails for the first and last
 * moments, and gives no text for a time below zero.
 */
const ownText: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TIME,
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_TZ,
]);

/**
 * Whether DuckDB's CAST produces the text of a column's values. Otherwise {@link textConverterOf}
 * does.
 */
export const isCastToText = (typeId: DuckDBTypeId): boolean => !ownText.has(typeId);

/** Returns a converter of DuckDB's values to the text that DuckDB prints for them. */
export function textConverterOf(column: string): DuckDBValueConverter<Json> {
  return (value, { typeId }) => {
    if (value === null) return null;
    if (typeId === DuckDBTypeId.TIME) return checkedTime((value as DuckDBTimeValue).micros, 6, column);
    if (typeId !== DuckDBTypeId.TIMESTAMP_TZ) return String(value);
    const { micros } = value as DuckDBTimestampTZValue;
    return `${new DuckDBTimestampValue(micros)}${isInfinite(micros) ? '' : '+00'}`;
  };
}
