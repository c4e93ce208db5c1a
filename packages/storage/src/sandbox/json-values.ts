import {
  type DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
} from '@duckdb/node-api';

/**
 * DuckDB's values as JSON that loses nothing: an integer is a number while every reader holds it exactly (±(2^53 − 1)), else its digits; DECIMAL is a text with
 * all its digits; a time is ISO 8601 in UTC with all its digits; NaN and the infinities are texts, since JSON has no such numbers.
 */
export const jsonConverter: DuckDBValueConverter<Json> = (value, type, converter) => {
  if (value === null) return null;
  switch (type.typeId) {
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT: {
      const number = Number(value as bigint);
      return Number.isSafeInteger(number) ? number : String(value);
    }
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return isoTime(String(value));
    case DuckDBTypeId.TIMESTAMP_TZ: // whose own text depends on the machine's time zone
      return isoTime(String(new DuckDBTimestampValue((value as DuckDBTimestampTZValue).micros)));
    default:
      return JsonDuckDBValueConverter(value, type, converter);
  }
};

/** `2026-01-31 12:00:00.123456` as `2026-01-31T12:00:00.123456Z`; what has no date and time (an infinity) stays. */
const isoTime = (text: string): string =>
  text.replace(/^(\d{4,}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?)$/, '$1T$2Z');
