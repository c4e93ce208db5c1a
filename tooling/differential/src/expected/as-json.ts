import * as api from '@duckdb/node-api';
import { type Canonical, floatOf } from '../canonical.js';
import { asRead, NotRepresentable } from './as-read.js';
import { dayAndTime, infinityOf, isoDate, timeText } from './dates.js';

/** A parsed value of `query --json` or of the HTTP API. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const plain = { int64: 'bigint', decimal: 'string', timestamp: 'nanos' } as const;

/**
 * Returns the JSON that docs/reference/type-mapping.md promises.
 *
 * @throws NotRepresentable
 */
export function asJson(value: Canonical, type: api.DuckDBType): Json {
  if (value === null) return null;
  if (typeof value === 'string') return scalar(value, type);
  if ('l' in value && type instanceof api.DuckDBListType) return value.l.map(item => asJson(item, type.valueType));
  if ('s' in value && type instanceof api.DuckDBStructType)
    return Object.fromEntries(value.s.map(([name, inner], i) => [name, asJson(inner, type.entryTypes[i]!)]));
  if ('m' in value && type instanceof api.DuckDBMapType)
    return value.m.map(([key, inner]) => ({ key: asJson(key, type.keyType), value: asJson(inner, type.valueType) }));
  throw new NotRepresentable(`${JSON.stringify(value)} is not of the type ${type}`);
}

function scalar(value: string, type: api.DuckDBType): Json {
  const text = value.slice(2);
  switch (value[0]) {
    case 'f':
      return floatJson(floatOf(value));
    case 'i': {
      const number = Number(text);
      return Number.isSafeInteger(number) ? number : text;
    }
    case 'T':
    case 'Z':
      return isoMoment(BigInt(text), type.typeId === api.DuckDBTypeId.TIMESTAMP_NS ? 1n : 1000n);
    case 'b':
      if (type.typeId === api.DuckDBTypeId.BLOB || type.typeId === api.DuckDBTypeId.GEOMETRY) return blobText(text);
  }
  const read = asRead(value, type, plain);
  return typeof read === 'object' && read !== null && 'months' in read
    ? ({ ...read, micros: String(read.micros) } as Json)
    : (read as Json);
}

/** JSON has no NaN and no infinity. */
function floatJson(value: number): Json {
  return Number.isFinite(value) ? value : String(value);
}

function isoMoment(nanos: bigint, unit: bigint): string {
  const infinite = infinityOf(nanos, unit);
  if (infinite !== 0) return infinite > 0 ? 'infinity' : '-infinity';
  const { days, rest } = dayAndTime(nanos);
  return `${isoDate(days)}T${timeText(rest)}Z`;
}

/** Returns bytes as DuckDB prints them. */
export const blobText = (hex: string): string =>
  [...Buffer.from(hex, 'hex')]
    .map(byte =>
      byte >= 32 && byte <= 126 && !`\\'"`.includes(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
