import * as api from '@duckdb/node-api';
import { storageError } from '../errors.js';
import { bigintsOf, halvesOf, times, timestamps } from './decode-times.js';
import { dateText, decimalText } from './formats.js';
import type { TypeMapping, Value } from './mapping.js';
import { maxTextBytes } from './max-text.js';
import {
  arrayElements,
  entryReader,
  listElements,
  readEach,
  structField,
  type Vector,
  vectorBytes,
  vectorValidity,
} from './vector-memory.js';

/**
 * Converts a vector to the values of one column. The type is examined once per result, not per
 * value.
 */
export type Decoder = (vector: Vector, count: number) => Value[];

type ReadAt = (index: number) => Value;

/**
 * Returns the decoder of a type.
 *
 * @throws StorageError `TYPE_UNSUPPORTED` for a type that the mapping does not cover. The decoder
 * itself throws `VALUE_UNREPRESENTABLE`.
 */
export function decoderOf(type: api.DuckDBType, mapping: Required<TypeMapping>, column: string): Decoder {
  const nested = nestedDecoder(type, mapping, column);
  if (nested !== undefined) return nested;
  const readerOf = scalarReader(type, mapping, column);
  if (readerOf !== undefined)
    return (vector, count) => readEach(count, vectorValidity(vector, count), readerOf(vector, count));
  const convert = rareConversion(type);
  if (convert === undefined)
    throw storageError('TYPE_UNSUPPORTED', `The column ${column} has the type ${type}, which has no JavaScript value.`);
  return (vector, count) => {
    const items = api.DuckDBVector.create(vector, count, type);
    return readEach(count, vectorValidity(vector, count), index => convert(items.getItem(index)));
  };
}

function scalarReader(
  type: api.DuckDBType,
  mapping: Required<TypeMapping>,
  column: string,
): ((vector: Vector, count: number) => ReadAt) | undefined {
  switch (type.typeId) {
    case api.DuckDBTypeId.BOOLEAN:
      return ofArray(
        1,
        (b, o, n) => new Uint8Array(b, o, n),
        item => item !== 0,
      );
    case api.DuckDBTypeId.TINYINT:
      return ofArray(1, (b, o, n) => new Int8Array(b, o, n));
    case api.DuckDBTypeId.SMALLINT:
      return ofArray(2, (b, o, n) => new Int16Array(b, o, n));
    case api.DuckDBTypeId.INTEGER:
      return ofArray(4, (b, o, n) => new Int32Array(b, o, n));
    case api.DuckDBTypeId.UTINYINT:
      return ofArray(1, (b, o, n) => new Uint8Array(b, o, n));
    case api.DuckDBTypeId.USMALLINT:
      return ofArray(2, (b, o, n) => new Uint16Array(b, o, n));
    case api.DuckDBTypeId.UINTEGER:
      return ofArray(4, (b, o, n) => new Uint32Array(b, o, n));
    case api.DuckDBTypeId.FLOAT:
      return ofArray(4, (b, o, n) => new Float32Array(b, o, n));
    case api.DuckDBTypeId.DOUBLE:
      return ofArray(8, (b, o, n) => new Float64Array(b, o, n));
    case api.DuckDBTypeId.BIGINT:
      return integers(8, true, mapping, column);
    case api.DuckDBTypeId.UBIGINT:
      return integers(8, false, mapping, column);
    case api.DuckDBTypeId.HUGEINT:
      return integers(16, true, mapping, column);
    case api.DuckDBTypeId.UHUGEINT:
      return integers(16, false, mapping, column);
    case api.DuckDBTypeId.VARCHAR:
      return texts(column);
    case api.DuckDBTypeId.BLOB:
      return (vector, count) => {
        const read = entryReader(vector, count, bytes => new Uint8Array(bytes));
        return index => read(index).slice(); // rows must not share an array
      };
    case api.DuckDBTypeId.DATE:
      return ofArray(4, (b, o, n) => new Int32Array(b, o, n), dateText);
    case api.DuckDBTypeId.TIME:
      return times(6, column);
    case api.DuckDBTypeId.TIME_NS:
      return times(9, column);
    case api.DuckDBTypeId.TIMESTAMP:
    case api.DuckDBTypeId.TIMESTAMP_TZ:
      return timestamps(1000n, mapping, column);
    case api.DuckDBTypeId.TIMESTAMP_S:
      return timestamps(1_000_000_000n, mapping, column);
    case api.DuckDBTypeId.TIMESTAMP_MS:
      return timestamps(1_000_000n, mapping, column);
    case api.DuckDBTypeId.TIMESTAMP_NS:
      return timestamps(1n, mapping, column);
    case api.DuckDBTypeId.DECIMAL:
      return decimals(type as api.DuckDBDecimalType, mapping);
    default:
      return undefined;
  }
}

function texts(column: string) {
  const textOf = (bytes: Buffer) => {
    if (bytes.length > maxTextBytes)
      throw storageError(
        'VALUE_UNREPRESENTABLE',
        `The column ${column} has a text of more than 512 MiB, too long for a string of JavaScript.`,
        { hint: `Select a part of it, such as \`left(${column}, 1000)\`, or CAST it to BLOB.` },
      );
    return bytes.toString('utf8');
  };
  return (vector: Vector, count: number) => entryReader(vector, count, textOf);
}

/** Returns the conversion of a rare type, which goes through the objects of `@duckdb/node-api`. */
function rareConversion(type: api.DuckDBType): ((item: api.DuckDBValue) => Value) | undefined {
  switch (type.typeId) {
    case api.DuckDBTypeId.ENUM:
    case api.DuckDBTypeId.UUID:
    case api.DuckDBTypeId.TIME_TZ:
    case api.DuckDBTypeId.BIT:
      return item => String(item);
    case api.DuckDBTypeId.INTERVAL:
      return item => {
        const { months, days, micros } = item as api.DuckDBIntervalValue;
        return { months, days, micros };
      };
    case api.DuckDBTypeId.SQLNULL:
      return () => null;
    default:
      return undefined;
  }
}

function nestedDecoder(type: api.DuckDBType, mapping: Required<TypeMapping>, column: string): Decoder | undefined {
  if (type instanceof api.DuckDBListType) return listDecoder(decoderOf(type.valueType, mapping, `${column}[]`));
  if (type instanceof api.DuckDBArrayType)
    return arrayDecoder(decoderOf(type.valueType, mapping, `${column}[]`), type.length);
  if (type instanceof api.DuckDBStructType) return structDecoder(type, mapping, column);
  if (type instanceof api.DuckDBMapType) {
    const key = decoderOf(type.keyType, mapping, `${column}.key`);
    const value = decoderOf(type.valueType, mapping, `${column}.value`);
    return mapDecoder(key, value, column);
  }
  return undefined;
}

function listDecoder(element: Decoder): Decoder {
  return (vector, count) => {
    const elements = listElements(vector);
    const values = element(elements.vector, elements.count);
    const { start, length } = listBounds(vector, count);
    return readEach(count, vectorValidity(vector, count), i => values.slice(start(i), start(i) + length(i)));
  };
}

function arrayDecoder(element: Decoder, length: number): Decoder {
  return (vector, count) => {
    const values = element(arrayElements(vector), count * length);
    return readEach(count, vectorValidity(vector, count), i => values.slice(i * length, (i + 1) * length));
  };
}

function structDecoder(type: api.DuckDBStructType, mapping: Required<TypeMapping>, column: string): Decoder {
  const names = type.entryNames;
  const decoders = type.entryTypes.map((entry, i) => decoderOf(entry, mapping, `${column}.${names[i]}`));
  const empty = emptyRecordFor(names);
  const isNamed = new Set(names).size === names.length;
  return (vector, count) => {
    const fields = decoders.map((decode, i) => decode(structField(vector, i), count));
    return readEach(count, vectorValidity(vector, count), index => {
      if (!isNamed) return fields.map(values => values[index]!);
      const record = empty();
      for (let i = 0; i < names.length; i++) record[names[i]!] = fields[i]![index]!;
      return record;
    });
  };
}

function mapDecoder(key: Decoder, value: Decoder, column: string): Decoder {
  return (vector, count) => {
    const entries = listElements(vector); // a MAP is a list of structs of key and value
    const keys = key(structField(entries.vector, 0), entries.count);
    const values = value(structField(entries.vector, 1), entries.count);
    const { start, length } = listBounds(vector, count);
    return readEach(count, vectorValidity(vector, count), i => {
      const map = new Map<Value, Value>();
      for (let at = start(i); at < start(i) + length(i); at++) map.set(keys[at]!, values[at]!);
      if (map.size < length(i)) throw doubledKey(column); // other writers can store duplicate keys
      return map;
    });
  };
}

const doubledKey = (column: string) =>
  storageError('VALUE_UNREPRESENTABLE', `The column ${column} has a MAP with a key twice, which a Map cannot hold.`, {
    hint: 'Query it with map_entries(), which gives a list of keys and values.',
  });

function listBounds(vector: Vector, count: number) {
  const bytes = vectorBytes(vector, count * 16);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return { start: (index: number) => words[index * 4]!, length: (index: number) => words[index * 4 + 2]! };
}

/**
 * Returns a function that creates empty records. They have no prototype if a field is called
 * `__proto__`, because assigning that field would set the prototype.
 */
export const emptyRecordFor = (names: readonly string[]): (() => Record<string, Value>) =>
  names.includes('__proto__') ? () => Object.create(null) : () => ({});

function ofArray<A extends ArrayLike<number>>(
  bytesPerItem: number,
  view: (buffer: ArrayBufferLike, offset: number, count: number) => A,
  convert?: (item: number) => Value,
) {
  return (vector: Vector, count: number): ReadAt => {
    const bytes = vectorBytes(vector, count * bytesPerItem);
    const items = view(bytes.buffer, bytes.byteOffset, count);
    return convert === undefined ? i => items[i]! : i => convert(items[i]!);
  };
}

function integers(bytesPerItem: 8 | 16, signed: boolean, { int64 }: Required<TypeMapping>, column: string) {
  return (vector: Vector, count: number): ReadAt => {
    const big = bigintsOf(vector, count, bytesPerItem, signed);
    if (int64 === 'bigint') return big;
    const unsafe = (i: number) =>
      storageError('VALUE_UNREPRESENTABLE', `The column ${column} has ${big(i)}, which a number cannot hold exactly.`, {
        hint: "Read with int64: 'bigint'.",
      });
    const toNumber: ReadAt = i => {
      const value = Number(big(i));
      if (!Number.isSafeInteger(value)) throw unsafe(i);
      return value;
    };
    if (bytesPerItem === 16) return toNumber;
    const small = halvesOf(vector, count, signed);
    return i => small(i) ?? toNumber(i);
  };
}

function decimals(type: api.DuckDBDecimalType, { decimal }: Required<TypeMapping>) {
  const { width, scale } = type;
  const convert: (scaled: number | bigint) => Value =
    decimal === 'string'
      ? scaled => decimalText(scaled, scale)
      : scaled =>
          Number.isSafeInteger(Number(scaled)) && scale <= 22
            ? Number(scaled) / 10 ** scale
            : Number(decimalText(scaled, scale));
  if (width <= 4) return ofArray(2, (b, o, n) => new Int16Array(b, o, n), convert);
  if (width <= 9) return ofArray(4, (b, o, n) => new Int32Array(b, o, n), convert);
  return (vector: Vector, count: number): ReadAt => {
    const scaled = bigintsOf(vector, count, width <= 18 ? 8 : 16, true);
    return i => convert(scaled(i));
  };
}
