import * as api from '@duckdb/node-api';
import { decoderOf } from './decode.js';
import type { NumericArray, TypeMapping } from './mapping.js';
import { type Vector, vectorBytes, vectorValidity } from './vector-memory.js';

/** Fills a typed array with the values of a column. */
export interface TypedFiller {
  make(rows: number): NumericArray;
  /** Copies a chunk's values to `offset`. */
  fill(target: NumericArray, offset: number, vector: Vector, count: number): void;
}

/** Returns the filler of a type; undefined if no typed array can hold its values. */
export function typedFillerOf(
  type: api.DuckDBType,
  mapping: Required<TypeMapping>,
  column: string,
): TypedFiller | undefined {
  switch (type.typeId) {
    case api.DuckDBTypeId.TINYINT:
      return asItIs(Int8Array);
    case api.DuckDBTypeId.SMALLINT:
      return asItIs(Int16Array);
    case api.DuckDBTypeId.INTEGER:
      return asItIs(Int32Array);
    case api.DuckDBTypeId.UTINYINT:
      return asItIs(Uint8Array);
    case api.DuckDBTypeId.USMALLINT:
      return asItIs(Uint16Array);
    case api.DuckDBTypeId.UINTEGER:
      return asItIs(Uint32Array);
    case api.DuckDBTypeId.FLOAT:
      return asItIs(Float32Array);
    case api.DuckDBTypeId.DOUBLE:
      return asItIs(Float64Array);
    case api.DuckDBTypeId.BIGINT:
      return mapping.int64 === 'bigint' ? asItIs(BigInt64Array) : asNumbers(type, mapping, column);
    case api.DuckDBTypeId.UBIGINT:
      return mapping.int64 === 'bigint' ? asItIs(BigUint64Array) : asNumbers(type, mapping, column);
    case api.DuckDBTypeId.DECIMAL:
      return mapping.decimal === 'number' ? asNumbers(type, mapping, column) : undefined;
    case api.DuckDBTypeId.TIMESTAMP:
    case api.DuckDBTypeId.TIMESTAMP_TZ:
      return mapping.timestamp === 'micros' ? asItIs(BigInt64Array) : undefined;
    case api.DuckDBTypeId.TIMESTAMP_NS:
      return mapping.timestamp === 'nanos' ? asItIs(BigInt64Array) : undefined;
    default:
      return undefined;
  }
}

/** Whether a chunk has a NULL. */
export function hasNull(vector: Vector, count: number): boolean {
  const validity = vectorValidity(vector, count);
  if (validity === null) return false;
  for (let i = 0; i < count; i++) if (((validity[i >> 3]! >> (i & 7)) & 1) === 0) return true;
  return false;
}

interface ArrayKind {
  new (length: number): NumericArray;
  new (buffer: ArrayBufferLike, offset: number, length: number): NumericArray;
  readonly BYTES_PER_ELEMENT: number;
}

/** DuckDB stores the values as the typed array does, so their bytes are copied. */
const asItIs = (Kind: ArrayKind): TypedFiller => ({
  make: rows => new Kind(rows),
  fill: (target, offset, vector, count) => {
    const bytes = vectorBytes(vector, count * Kind.BYTES_PER_ELEMENT);
    (target as Uint8Array).set(new Kind(bytes.buffer, bytes.byteOffset, count) as Uint8Array, offset);
  },
});

/** Converts values to numbers, and checks that they are exact. */
function asNumbers(type: api.DuckDBType, mapping: Required<TypeMapping>, column: string): TypedFiller {
  const decode = decoderOf(type, mapping, column);
  return {
    make: rows => new Float64Array(rows),
    fill: (target, offset, vector, count) => (target as Float64Array).set(decode(vector, count) as number[], offset),
  };
}
