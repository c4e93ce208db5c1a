import * as api from '@duckdb/node-api';
import * as arrow from '@uwdata/flechette';
import { distinctNames } from '../duckdb/distinct-names.js';
import { storageError } from '../errors.js';
import { arrayElements, type Vector } from '../types/vector-memory.js';
import { allNull, bits, checked, converted, type Encoder, inMemory, sameBytes, texts } from './buffers.js';
import { arrayOf, listOf, mapOf, structOf } from './nested.js';

/** How to write a column as Arrow. */
export interface ArrowColumn {
  type: arrow.DataType;
  encode: Encoder;
  /** The name of Arrow's extension type. */
  extension?: string;
}

/** A column, for errors. */
interface Named {
  name: string;
  from: api.DuckDBType;
}

const most38Digits = 10n ** 38n;
const dayMicros = 86_400_000_000n;
const utcTime = 57_599n; // the offset of a TIME WITH TIME ZONE counts down from 15:59:59
const maxIntervalMicros = 9_223_372_036_854_775n;

/**
 * Returns how to write a column as Arrow.
 *
 * @throws StorageError `TYPE_UNSUPPORTED` if Arrow cannot hold the type. The encoder throws
 * `VALUE_INVALID` for a value.
 */
export const arrowColumnOf = (name: string, from: api.DuckDBType): ArrowColumn => columnOf(from, { name, from });

function columnOf(type: api.DuckDBType, column: Named): ArrowColumn {
  if (type instanceof api.DuckDBListType) {
    const item = columnOf(type.valueType, column);
    return { type: arrow.list(fieldOf('item', item)), encode: listOf(item.encode) };
  }
  if (type instanceof api.DuckDBArrayType) {
    const item = columnOf(type.valueType, column);
    const encode = arrayOf(item.encode, type.length, arrayElements);
    return { type: arrow.fixedSizeList(fieldOf('item', item), type.length), encode };
  }
  if (type instanceof api.DuckDBStructType) {
    const fields = type.entryTypes.map(entry => columnOf(entry, column));
    const names = distinctNames(type.entryNames.map((name, index) => (name === '' ? String(index + 1) : name)));
    const named = fields.map((field, index) => fieldOf(names[index] as string, field));
    return { type: arrow.struct(named), encode: structOf(fields.map(({ encode }) => encode)) };
  }
  if (type instanceof api.DuckDBMapType) {
    const [key, value] = [columnOf(type.keyType, column), columnOf(type.valueType, column)];
    const named = arrow.map(fieldOf('key', key, false), fieldOf('value', value));
    return { type: named, encode: mapOf(key.encode, value.encode) };
  }
  const scalar = scalarOf(type, column);
  if (scalar !== undefined) return scalar;
  throw storageError(
    'TYPE_UNSUPPORTED',
    `The column ${column.name} (${column.from}) cannot be written: Arrow cannot store ${type} unchanged.`,
    { hint: `CAST it to ${type.typeId === api.DuckDBTypeId.GEOMETRY ? 'VARCHAR' : 'JSON'}.` },
  );
}

/** Returns a field of a schema. */
export const fieldOf = (name: string, { type, extension }: ArrowColumn, isNullable = true): arrow.Field =>
  arrow.field(name, type, isNullable, extension === undefined ? null : new Map([['ARROW:extension:name', extension]]));

function scalarOf(type: api.DuckDBType, column: Named): ArrowColumn | undefined {
  const same = (arrowType: arrow.DataType, bytes: number) => ({ type: arrowType, encode: sameBytes(bytes) });
  const text = (arrowType: arrow.DataType, readerOf = inMemory) => ({
    type: arrowType,
    encode: texts(readerOf, () => refuseValue(column, 'more than 2 GiB in 2,048 rows', 'less at once')),
  });
  switch (type.typeId) {
    case api.DuckDBTypeId.SQLNULL:
      return { type: arrow.nullType(), encode: allNull };
    case api.DuckDBTypeId.BOOLEAN:
      return { type: arrow.bool(), encode: bits };
    case api.DuckDBTypeId.TINYINT:
      return same(arrow.int8(), 1);
    case api.DuckDBTypeId.SMALLINT:
      return same(arrow.int16(), 2);
    case api.DuckDBTypeId.INTEGER:
      return same(arrow.int32(), 4);
    case api.DuckDBTypeId.BIGINT:
      return same(arrow.int64(), 8);
    case api.DuckDBTypeId.UTINYINT:
      return same(arrow.uint8(), 1);
    case api.DuckDBTypeId.USMALLINT:
      return same(arrow.uint16(), 2);
    case api.DuckDBTypeId.UINTEGER:
      return same(arrow.uint32(), 4);
    case api.DuckDBTypeId.UBIGINT:
      return same(arrow.uint64(), 8);
    case api.DuckDBTypeId.FLOAT:
      return same(arrow.float32(), 4);
    case api.DuckDBTypeId.DOUBLE:
      return same(arrow.float64(), 8);
    case api.DuckDBTypeId.HUGEINT:
    case api.DuckDBTypeId.UHUGEINT:
      return hugeint(type.typeId === api.DuckDBTypeId.HUGEINT, column);
    case api.DuckDBTypeId.DECIMAL:
      return decimal(type as api.DuckDBDecimalType);
    case api.DuckDBTypeId.VARCHAR:
      return text(arrow.utf8());
    case api.DuckDBTypeId.BLOB:
      return text(arrow.binary());
    case api.DuckDBTypeId.ENUM:
    case api.DuckDBTypeId.BIT:
    case api.DuckDBTypeId.BIGNUM:
      return text(arrow.utf8(), textsOfType(type));
    case api.DuckDBTypeId.UUID:
      return { type: arrow.fixedSizeBinary(16), encode: converted(16, 16, writeUuid), extension: 'arrow.uuid' };
    case api.DuckDBTypeId.INTERVAL:
      return interval(column);
    default:
      return timeOf(type, column);
  }
}

function timeOf(type: api.DuckDBType, column: Named): ArrowColumn | undefined {
  const { TimeUnit } = arrow;
  const moment = (unit: arrow.TimeUnit_, zone: string | null = null) => ({
    type: arrow.timestamp(unit, zone),
    encode: sameBytes(8),
  });
  switch (type.typeId) {
    case api.DuckDBTypeId.DATE:
      return { type: arrow.dateDay(), encode: sameBytes(4) };
    case api.DuckDBTypeId.TIME:
      return { type: arrow.timeMicrosecond(), encode: checked(8, true, withinDay(column, dayMicros)) };
    case api.DuckDBTypeId.TIME_NS:
      return { type: arrow.timeNanosecond(), encode: checked(8, true, withinDay(column, dayMicros * 1000n)) };
    case api.DuckDBTypeId.TIME_TZ:
      return timeWithZone(column);
    case api.DuckDBTypeId.TIMESTAMP:
      return moment(TimeUnit.MICROSECOND);
    case api.DuckDBTypeId.TIMESTAMP_TZ:
      return moment(TimeUnit.MICROSECOND, 'UTC');
    case api.DuckDBTypeId.TIMESTAMP_S:
      return moment(TimeUnit.SECOND);
    case api.DuckDBTypeId.TIMESTAMP_MS:
      return moment(TimeUnit.MILLISECOND);
    case api.DuckDBTypeId.TIMESTAMP_NS:
      return moment(TimeUnit.NANOSECOND);
    default:
      return undefined;
  }
}

function hugeint(isSigned: boolean, column: Named): ArrowColumn {
  const encode = checked(16, isSigned, value => {
    if (value >= most38Digits || value <= -most38Digits) refuseValue(column, 'more than 38 digits', 'VARCHAR');
  });
  return { type: arrow.decimal(38, 0), encode };
}

/** DuckDB keeps a DECIMAL in 2, 4, 8 or 16 bytes, Arrow in 16. */
function decimal({ width, scale }: api.DuckDBDecimalType): ArrowColumn {
  const bytes = width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16;
  const type = arrow.decimal(width, scale);
  if (bytes === 16) return { type, encode: sameBytes(16) };
  const read = (value: DataView): bigint =>
    bytes === 8 ? value.getBigInt64(0, true) : BigInt(bytes === 4 ? value.getInt32(0, true) : value.getInt16(0, true));
  const encode = converted(bytes, 16, (value, values, at) => {
    const number = read(value);
    values.setBigInt64(at, number, true);
    values.setBigInt64(at + 8, number < 0n ? -1n : 0n, true);
  });
  return { type, encode };
}

/** DuckDB keeps a UUID as a number whose first bit is inverted. */
function writeUuid(value: DataView, values: DataView, at: number): void {
  values.setBigUint64(at, value.getBigUint64(8, true) ^ (1n << 63n));
  values.setBigUint64(at + 8, value.getBigUint64(0, true));
}

function interval(column: Named): ArrowColumn {
  const encode = converted(16, 16, (value, values, at) => {
    const micros = value.getBigInt64(8, true);
    if (micros > maxIntervalMicros || micros < -maxIntervalMicros)
      refuseValue(column, 'more hours than 64 bits of nanoseconds', 'VARCHAR');
    values.setInt32(at, value.getInt32(0, true), true);
    values.setInt32(at + 4, value.getInt32(4, true), true);
    values.setBigInt64(at + 8, micros * 1000n, true);
  });
  return { type: arrow.interval(arrow.IntervalUnit.MONTH_DAY_NANO), encode };
}

/** Arrow has no time of day with an offset, so only one in UTC is the same. */
function timeWithZone(column: Named): ArrowColumn {
  const encode = converted(8, 8, (value, values, at) => {
    const packed = value.getBigUint64(0, true);
    if ((packed & 0xffffffn) !== utcTime) refuseValue(column, 'an offset other than +00', 'VARCHAR');
    withinDay(column, dayMicros)(packed >> 24n);
    values.setBigUint64(at, packed >> 24n, true);
  });
  return { type: arrow.timeMicrosecond(), encode };
}

const withinDay =
  (column: Named, day: bigint) =>
  (value: bigint): void => {
    if (value < 0n || value >= day) refuseValue(column, 'a time that is not before 24:00:00', 'VARCHAR');
  };

const textsOfType = (type: api.DuckDBType) => (vector: Vector, size: number) => {
  const values = api.DuckDBVector.create(vector, size, type);
  return (index: number): Uint8Array => Buffer.from(String(values.getItem(index)));
};

function refuseValue({ name, from }: Named, values: string, castTo: string): never {
  throw storageError(
    'VALUE_INVALID',
    `The column ${name} (${from}) has a value that Arrow cannot store unchanged: ${values}.`,
    { hint: castTo === 'less at once' ? 'Ask for less at once.' : `CAST it to ${castTo}.` },
  );
}
