import * as api from '@duckdb/node-api';
import type { TypeMapping, Value } from '@quantbot/storage';
import { type Canonical, floatOf } from '../canonical.js';
import { infinityOf, isoDate, timeText } from './dates.js';

/** Thrown for a value that a reader must refuse, because it would return a different one. */
export class NotRepresentable extends Error {}

type Mapping = Required<TypeMapping>;

/**
 * Returns the value that docs/reference/type-mapping.md promises for a type and options.
 *
 * @throws NotRepresentable
 */
export function asRead(value: Canonical, type: api.DuckDBType, mapping: Mapping): Value {
  if (value === null) return null;
  if (type instanceof api.DuckDBListType) return partsOf(value, 'l').map(item => asRead(item, type.valueType, mapping));
  if (type instanceof api.DuckDBStructType)
    return record(partsOf(value, 's').map(([name, inner], i) => [name, asRead(inner, type.entryTypes[i]!, mapping)]));
  if (type instanceof api.DuckDBMapType) {
    const entries = partsOf(value, 'm');
    const map = new Map(
      entries.map(([key, inner]) => [asRead(key, type.keyType, mapping), asRead(inner, type.valueType, mapping)]),
    );
    if (map.size < entries.length) throw new NotRepresentable('a key twice');
    return map;
  }
  if (typeof value !== 'string') throw new NotRepresentable(`read as ${type}`);
  return scalar(value, type, mapping);
}

function partsOf<K extends 'l' | 's' | 'm'>(value: Canonical, kind: K): Extract<Canonical, Record<K, unknown>>[K] {
  if (value === null || typeof value === 'string' || !(kind in value))
    throw new NotRepresentable('read as another kind');
  return (value as Extract<Canonical, Record<K, unknown>>)[kind];
}

/** Returns an object with these properties, even if one is called `__proto__`. */
function record(entries: readonly [string, Value][]): Value {
  const made = Object.create(null) as Record<string, Value>;
  for (const [name, value] of entries) made[name] = value;
  return made;
}

const kinds: Partial<Record<api.DuckDBTypeId, string>> = {
  [api.DuckDBTypeId.BOOLEAN]: 'x',
  [api.DuckDBTypeId.FLOAT]: 'f',
  [api.DuckDBTypeId.DOUBLE]: 'f',
  [api.DuckDBTypeId.DECIMAL]: 'n',
  [api.DuckDBTypeId.VARCHAR]: 's',
  [api.DuckDBTypeId.BLOB]: 'b',
  [api.DuckDBTypeId.UUID]: 'b',
  [api.DuckDBTypeId.INTERVAL]: 'b',
  [api.DuckDBTypeId.DATE]: 'd',
  [api.DuckDBTypeId.TIME]: 't',
  [api.DuckDBTypeId.TIME_NS]: 't',
  [api.DuckDBTypeId.TIME_TZ]: 't',
  [api.DuckDBTypeId.TIMESTAMP]: 'T',
  [api.DuckDBTypeId.TIMESTAMP_NS]: 'T',
  [api.DuckDBTypeId.TIMESTAMP_TZ]: 'Z',
};

/** Returns the letter of a type's values. */
const kindOf = ({ typeId }: api.DuckDBType): string => kinds[typeId] ?? 'i';

function scalar(value: string, type: api.DuckDBType, mapping: Mapping): Value {
  const kind = value[0];
  const text = value.slice(2);
  if (kind !== kindOf(type)) throw new NotRepresentable(`a value of kind ${kind} read as ${type}`);
  switch (type.typeId) {
    case api.DuckDBTypeId.BOOLEAN:
      return text === 'true';
    case api.DuckDBTypeId.FLOAT:
    case api.DuckDBTypeId.DOUBLE:
      return floatOf(value);
    case api.DuckDBTypeId.DECIMAL:
      return mapping.decimal === 'string' ? text : Number(text);
    case api.DuckDBTypeId.VARCHAR:
      return text;
    case api.DuckDBTypeId.BLOB:
      return new Uint8Array(Buffer.from(text, 'hex'));
    case api.DuckDBTypeId.UUID:
      return uuidText(text);
    case api.DuckDBTypeId.INTERVAL: {
      const bytes = Buffer.from(text, 'hex');
      return {
        months: bytes.readInt32LE(0),
        days: bytes.readInt32LE(4),
        micros: BigInt(bytes.readUInt32LE(8)) * 1000n,
      };
    }
    case api.DuckDBTypeId.DATE:
      return isoDate(Number(text));
    case api.DuckDBTypeId.TIME:
    case api.DuckDBTypeId.TIME_NS:
    case api.DuckDBTypeId.TIME_TZ:
      return timeOfDay(BigInt(text), type.typeId);
    case api.DuckDBTypeId.TIMESTAMP:
    case api.DuckDBTypeId.TIMESTAMP_TZ:
    case api.DuckDBTypeId.TIMESTAMP_NS:
      return timestamp(BigInt(text), type.typeId === api.DuckDBTypeId.TIMESTAMP_NS ? 1n : 1000n, mapping);
    default:
      return integer(BigInt(text), type.typeId, mapping);
  }
}

const wide = [api.DuckDBTypeId.BIGINT, api.DuckDBTypeId.UBIGINT, api.DuckDBTypeId.HUGEINT, api.DuckDBTypeId.UHUGEINT];

function integer(value: bigint, typeId: api.DuckDBTypeId, { int64 }: Mapping): Value {
  if (wide.includes(typeId) && int64 === 'bigint') return value;
  if (!Number.isSafeInteger(Number(value))) throw new NotRepresentable(`${value} as a number`);
  return Number(value);
}

/** Returns 16 bytes as the text of a UUID. */
export const uuidText = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

function timeOfDay(nanos: bigint, typeId: api.DuckDBTypeId): string {
  if (nanos < 0n || nanos > 86_400_000_000_000n) throw new NotRepresentable('no time of a day');
  if (typeId !== api.DuckDBTypeId.TIME_NS && nanos % 1000n !== 0n) throw new NotRepresentable('a time in nanoseconds');
  return `${timeText(nanos)}${typeId === api.DuckDBTypeId.TIME_TZ ? '+00' : ''}`;
}

function timestamp(nanos: bigint, unit: bigint, mapping: Mapping): Value {
  const infinite = infinityOf(nanos, unit);
  if (mapping.timestamp === 'date') {
    const ms = Number((nanos - (((nanos % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n);
    if (infinite !== 0 || Math.abs(ms) > 8.64e15) throw new NotRepresentable('no Date');
    return new Date(ms);
  }
  if (infinite !== 0) return BigInt(infinite) * (2n ** 63n - 1n);
  if (nanos % unit !== 0n) throw new NotRepresentable('nanoseconds');
  if (mapping.timestamp === 'nanos') return nanos;
  if (nanos % 1000n !== 0n) throw new NotRepresentable('nanoseconds as microseconds');
  return nanos / 1000n;
}
