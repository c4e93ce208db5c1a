import * as api from '@duckdb/node-api';
import { type Canonical, floatOf } from '../canonical.js';
import { blobText } from './as-json.js';
import { asRead } from './as-read.js';
import { dayAndTime, duckDbDate, infinityOf, timeText } from './dates.js';

const plain = { int64: 'bigint', decimal: 'string', timestamp: 'nanos' } as const;

/**
 * Returns DuckDB's text of a value without parts; undefined if only DuckDB knows it.
 *
 * @throws NotRepresentable
 */
export function asText(value: Canonical, type: api.DuckDBType): string | null | undefined {
  if (value === null) return null;
  if (typeof value !== 'string') return undefined;
  const text = value.slice(2);
  switch (type.typeId) {
    case api.DuckDBTypeId.FLOAT:
    case api.DuckDBTypeId.INTERVAL:
    case api.DuckDBTypeId.GEOMETRY:
    case api.DuckDBTypeId.VARIANT:
      return undefined;
    case api.DuckDBTypeId.DOUBLE:
      return floatWords(floatOf(value));
    case api.DuckDBTypeId.BLOB:
      return blobText(text);
    case api.DuckDBTypeId.DATE:
      return duckDbDate(Number(text));
    case api.DuckDBTypeId.TIMESTAMP:
    case api.DuckDBTypeId.TIMESTAMP_NS:
      return moment(BigInt(text), type.typeId === api.DuckDBTypeId.TIMESTAMP_NS ? 1n : 1000n);
    case api.DuckDBTypeId.TIMESTAMP_TZ: {
      const zoned = moment(BigInt(text), 1000n);
      return zoned.endsWith('infinity') ? zoned : `${zoned}+00`;
    }
    case api.DuckDBTypeId.DECIMAL: {
      const { width, scale } = type as api.DuckDBDecimalType;
      return width === scale ? text.replace(/^(-?)0\./, '$1.') : text;
    }
    default:
      return String(asRead(value, type, plain));
  }
}

/**
 * Returns the text of a float that has only one. For others, several texts read back as the same
 * value.
 */
function floatWords(value: number): string | undefined {
  if (Number.isNaN(value)) return undefined;
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0.0' : undefined;
}

function moment(nanos: bigint, unit: bigint): string {
  const infinite = infinityOf(nanos, unit);
  if (infinite !== 0) return infinite > 0 ? 'infinity' : '-infinity';
  const { days, rest } = dayAndTime(nanos);
  const [date = '', era = ''] = duckDbDate(days).split(' ');
  return `${date} ${timeText(rest)}${era && ` ${era}`}`;
}

/**
 * Returns DuckDB's text of a nested value that DuckDB cannot cast itself; undefined if the text of
 * a part is unknown.
 */
export function nestedText(value: Canonical, type: api.DuckDBType): string | undefined {
  if (value === null) return 'NULL';
  if (typeof value === 'string') {
    const text = asText(value, type);
    return typeof text === 'string' && type.typeId !== api.DuckDBTypeId.VARCHAR ? quotedInside(text) : undefined;
  }
  if ('l' in value && type instanceof api.DuckDBListType)
    return joined(
      value.l.map(item => nestedText(item, type.valueType)),
      '[]',
    );
  if ('m' in value && type instanceof api.DuckDBMapType)
    return joined(
      value.m.map(([key, item]) => both(nestedText(key, type.keyType), '=', nestedText(item, type.valueType))),
      '{}',
    );
  if ('s' in value && type instanceof api.DuckDBStructType)
    return joined(
      value.s.map(([name, item], at) => both(`'${name}'`, ': ', nestedText(item, type.entryTypes[at]!))),
      '{}',
    );
  return undefined;
}

/** Quotes a part as DuckDB does: if it has a character that the notation uses. */
const quotedInside = (text: string): string => (/[\s,:=()[\]{}'"\\]/.test(text) ? `'${text}'` : text);

const both = (left: string | undefined, between: string, right: string | undefined): string | undefined =>
  left === undefined || right === undefined ? undefined : `${left}${between}${right}`;

const joined = (parts: (string | undefined)[], [open, close]: string): string | undefined =>
  parts.includes(undefined) ? undefined : `${open}${parts.join(', ')}${close}`;
