import type { SchemaElement } from 'hyparquet';
import { type Canonical, floatText } from '../canonical.js';

/** A column of JavaScript values with their canonical form. */
export interface ValueColumn {
  name: string;
  values: unknown[];
  canonical: (value: never) => Canonical;
  /** The type's name for each writer. A writer without a name leaves the column out. */
  hyparquet?: string;
  parquetjs?: string;
  small?: 'string' | 'int64' | 'double' | 'boolean' | 'timestamp';
  storage?: string;
  /** Its elements in an explicit schema for hyparquet-writer. They need no names. */
  annotated?: readonly Partial<SchemaElement>[];
}

const floats = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.5, -2.25];
const texts = ['', 'a', 'NULL', 'ü€😀', 'q"uo,te', "it's", 'a\nb', 'nul\0l', ' space ', '\ufeffbom', 'x'.repeat(300)];
const longs = [-(2n ** 63n), 2n ** 63n - 1n, 0n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 42n];
const dates = [0, -1, 1, 1_600_000_000_123, -62_135_596_800_000, 253_402_300_799_999].map(ms => new Date(ms));
const nanos = (value: Date): bigint => BigInt(value.getTime()) * 1_000_000n;
const integer = (value: number | bigint): Canonical => `i:${value}`;
const text = (value: string): Canonical => `s:${value}`;
const asText = (value: unknown): Canonical => `s:${JSON.stringify(value)}`;
const dayText = (value: Date): Canonical => `d:${value.getTime() / 86_400_000}`;
const bytes = (value: Uint8Array): Canonical => `b:${Buffer.from(value).toString('hex')}`;

/** Columns of values for the JavaScript writers, including the extremes of each type. */
export const valueColumns: readonly ValueColumn[] = [
  {
    name: 'bool',
    values: [true, false],
    canonical: (v: boolean) => `x:${v}`,
    hyparquet: 'BOOLEAN',
    parquetjs: 'BOOLEAN',
    small: 'boolean',
    storage: 'BOOLEAN',
  },
  {
    name: 'int32',
    values: [-(2 ** 31), 2 ** 31 - 1, 0, -1],
    canonical: integer,
    hyparquet: 'INT32',
    parquetjs: 'INT32',
    storage: 'INTEGER',
  },
  { name: 'int64', values: longs, canonical: integer, hyparquet: 'INT64', storage: 'BIGINT' },
  {
    name: 'safe64',
    values: [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0, -1],
    canonical: integer,
    parquetjs: 'INT64',
    small: 'int64',
    storage: 'BIGINT',
  },
  { name: 'uint64', values: [0n, 2n ** 64n - 1n, 2n ** 63n, 2n ** 53n + 1n], canonical: integer, storage: 'UBIGINT' },
  { name: 'uint8', values: [0, 255, 128], canonical: integer, parquetjs: 'UINT_8', storage: 'UTINYINT' },
  { name: 'uint16', values: [0, 65_535, 32_768], canonical: integer, parquetjs: 'UINT_16', storage: 'USMALLINT' },
  { name: 'int16', values: [-32_768, 32_767, 0], canonical: integer, parquetjs: 'INT_16', storage: 'SMALLINT' },
  { name: 'int8', values: [-128, 127, 0], canonical: integer, parquetjs: 'INT_8', storage: 'TINYINT' },
  { name: 'uint32', values: [0, 2 ** 31 - 1], canonical: integer, parquetjs: 'UINT_32', storage: 'UINTEGER' },
  {
    name: 'double',
    values: [...floats, 0.1, 5e-324, 1.7976931348623157e308],
    canonical: floatText,
    hyparquet: 'DOUBLE',
    storage: 'DOUBLE',
  },
  {
    name: 'plain_double',
    values: [0, -0, 1.5, 0.1, 5e-324],
    canonical: floatText,
    small: 'double',
  },
  // parquetjs-lite parses numbers from their text, which has no -0.
  { name: 'positive_double', values: [0, 1.5, 0.1, 5e-324], canonical: floatText, parquetjs: 'DOUBLE' },
  {
    name: 'float',
    values: [...floats, Math.fround(0.1)],
    canonical: floatText,
    hyparquet: 'FLOAT',
    storage: 'FLOAT',
  },
  { name: 'half', values: [...floats, 65504], canonical: floatText, hyparquet: 'FLOAT16' },
  {
    name: 'text',
    values: texts,
    canonical: text,
    hyparquet: 'STRING',
    parquetjs: 'UTF8',
    small: 'string',
    storage: 'VARCHAR',
  },
  {
    name: 'bytes',
    values: [new Uint8Array(), new Uint8Array([0, 255, 128])],
    canonical: bytes,
    hyparquet: 'BYTE_ARRAY',
    storage: 'BLOB',
  },
  {
    name: 'uuid',
    values: [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '80000000-0000-0000-0000-000000000001',
    ],
    canonical: (v: string) => `b:${v.replaceAll('-', '')}`,
    hyparquet: 'UUID',
    storage: 'UUID',
  },
  {
    name: 'stamp',
    values: dates,
    canonical: (v: Date) => `T:${nanos(v)}`,
    hyparquet: 'TIMESTAMP',
    storage: 'TIMESTAMP',
  },
  {
    name: 'zoned',
    values: dates,
    canonical: (v: Date) => `Z:${nanos(v)}`,
    storage: 'TIMESTAMP WITH TIME ZONE',
  },
  {
    name: 'later',
    values: dates.filter(date => date.getTime() >= 0),
    canonical: (v: Date) => `T:${nanos(v)}`,
    parquetjs: 'TIMESTAMP_MILLIS',
    small: 'timestamp',
  },
  {
    name: 'decimal',
    values: ['12.50', '-9999999999999999.99', '0.00'],
    canonical: (v: string) => `n:${v}`,
    storage: 'DECIMAL(18,2)',
  },
  {
    name: 'day',
    values: ['1970-01-01', '2020-02-29'],
    canonical: (v: string) => `d:${Date.parse(v) / 86_400_000}`,
    storage: 'DATE',
  },
  { name: 'js_json', values: [{ a: [1, null] }, 'x', 7], canonical: asText, hyparquet: 'JSON', parquetjs: 'JSON' },
  { name: 'js_day', values: [new Date(0), new Date(86_400_000)], canonical: dayText, parquetjs: 'DATE' },
  {
    name: 'clock_ms',
    values: [0, 86_399_999],
    canonical: (v: number) => `t:${v * 1_000_000}`,
    parquetjs: 'TIME_MILLIS',
  },
  {
    name: 'later_us',
    values: dates.filter(date => date.getTime() >= 0),
    canonical: (v: Date) => `T:${nanos(v)}`,
    parquetjs: 'TIMESTAMP_MICROS',
  },
  {
    name: 'list',
    values: [[1, null], []],
    canonical: (v: (number | null)[]) => ({ l: v.map(item => (item === null ? null : `i:${item}`)) }),
    storage: 'INTEGER[]',
  },
];

/**
 * Returns the values of a column. Every fifth is NULL if the writer can write NULL.
 */
export const valuesOf = (column: ValueColumn, rows: number): unknown[] =>
  Array.from({ length: rows }, (_, row) => (row % 5 === 4 ? null : column.values[row % column.values.length]));

/** Returns the canonical form of values. */
export const meaningOf = ({ canonical }: ValueColumn, values: readonly unknown[]): Canonical[] =>
  values.map(value => (value === null ? null : canonical(value as never)));
