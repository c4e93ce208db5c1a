import type { DuckDBType } from '@duckdb/node-api';
import { decoderOf } from '../types/decode.js';
import type { NumericArray, TypeMapping, Value } from '../types/mapping.js';
import { hasNull, typedFillerOf } from '../types/typed.js';
import type { Vector } from '../types/vector-memory.js';

/** Builds a column from chunks. */
export interface ColumnBuilder<C> {
  add(vector: Vector, count: number): void;
  column(): C;
}

/** Builds a column as an array, allocated at once. */
export function plainColumn(
  type: DuckDBType,
  mapping: Required<TypeMapping>,
  name: string,
  rows: number,
): ColumnBuilder<Value[]> {
  return continued(type, mapping, name, roomFor(rows), 0);
}

/** Builds a column as a typed array if possible, otherwise as an array. */
export function typedColumn(
  type: DuckDBType,
  mapping: Required<TypeMapping>,
  name: string,
  rows: number,
): ColumnBuilder<NumericArray | Value[]> {
  const filler = typedFillerOf(type, mapping, name);
  if (filler === undefined) return plainColumn(type, mapping, name, rows);
  const values = filler.make(rows);
  let offset = 0;
  let plain: ColumnBuilder<Value[]> | undefined;
  return {
    add: (vector, count) => {
      if (plain === undefined && hasNull(vector, count)) {
        const sofar = roomFor(rows);
        for (let i = 0; i < offset; i++) sofar[i] = values[i] as Value;
        plain = continued(type, mapping, name, sofar, offset);
      }
      if (plain !== undefined) return plain.add(vector, count);
      filler.fill(values, offset, vector, count);
      offset += count;
    },
    column: () => plain?.column() ?? values,
  };
}

/** Beyond this size, V8 turns a preallocated array into a dictionary. */
const maxAtOnce = 2 ** 25;

const roomFor = (rows: number): Value[] => (rows <= maxAtOnce ? new Array<Value>(rows) : []);

function continued(
  type: DuckDBType,
  mapping: Required<TypeMapping>,
  name: string,
  values: Value[],
  from: number,
): ColumnBuilder<Value[]> {
  const decode = decoderOf(type, mapping, name);
  let offset = from;
  return {
    add: (vector, count) => {
      const part = decode(vector, count);
      for (let i = 0; i < count; i++) values[offset + i] = part[i]!;
      offset += count;
    },
    column: () => values,
  };
}
