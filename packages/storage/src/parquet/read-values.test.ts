import { join } from 'node:path';
import { DuckDBTimeValue } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { runForRows } from '../duckdb/run.js';
import { resolveMapping, type TypeMapping, type Value } from '../types/mapping.js';
import { copyExactly } from './copy-exactly.js';
import { readParquet, readParquetColumns } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';

/**
 * Converts DuckDB's text to the value that a read must return; undefined if there is none, so that
 * the read must be refused.
 */
type Expected = (text: string, mapping: Required<TypeMapping>) => unknown;

const integer: Expected = (text, { int64 }) => {
  if (int64 === 'bigint') return BigInt(text);
  return Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
};
const number: Expected = text => Number(text.replace('inf', 'Infinity').replace(/-?nan/, 'NaN'));
const float: Expected = (text, mapping) => Math.fround(number(text, mapping) as number);
const itself: Expected = text => text;
const decimal: Expected = (text, mapping) =>
  mapping.decimal === 'number' ? Number(text) : text.replace(/^(-?)\./, '$10.');

/** Parses a moment to nanoseconds since 1970, without JavaScript's own parser. */
function nanosOf(text: string): bigint {
  const [, year = '', month, day, bc, hour, minute, second, fraction = ''] =
    /^(\d+)-(\d\d)-(\d\d)( \(BC\))? (\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:\+00)?$/.exec(text) ?? [];
  const days = daysFromCivil(bc === undefined ? Number(year) : 1 - Number(year), Number(month), Number(day));
  const seconds = BigInt(days) * 86_400n + BigInt(Number(hour) * 3600 + Number(minute) * 60 + Number(second));
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** Returns the days since 1970 of a date in the Gregorian calendar, by eras of 400 years. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const yearOfEra = y - era * 400;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

const moment: Expected = (text, { timestamp }) => {
  const isInfinite = text.endsWith('infinity');
  const nanos = isInfinite ? (text.startsWith('-') ? -1n : 1n) * (2n ** 63n - 1n) : nanosOf(text);
  if (timestamp === 'nanos' || (isInfinite && timestamp === 'micros')) return nanos;
  if (timestamp === 'micros') return nanos % 1000n === 0n ? nanos / 1000n : undefined;
  const ms = Number((nanos - (((nanos % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n);
  return isInfinite || Math.abs(ms) > 8.64e15 ? undefined : new Date(ms);
};

const date: Expected = text => {
  if (text.endsWith('infinity')) return text;
  const [, year = '', rest, bc] = /^(\d+)(-\d\d-\d\d)( \(BC\))?$/.exec(text) ?? [];
  const number = bc === undefined ? Number(year) : 1 - Number(year);
  const digits =
    number >= 0 && number <= 9999
      ? String(number).padStart(4, '0')
      : `${number < 0 ? '-' : '+'}${String(Math.abs(number)).padStart(6, '0')}`;
  return `${digits}${rest}`;
};

const types: [type: string, expected: Expected, values: string[]][] = [
  ['BOOLEAN', text => text === 'true', ['true', 'false']],
  ['TINYINT', number, ['-128', '127']],
  ['SMALLINT', number, ['-32768', '32767']],
  ['INTEGER', number, ['-2147483648', '2147483647']],
  [
    'BIGINT',
    integer,
    [
      '-9223372036854775808',
      '9223372036854775807',
      '9007199254740991',
      '9007199254740992',
      '-9007199254740991',
      '-9007199254740992',
      '-1',
      '4294967296',
    ],
  ],
  [
    'UBIGINT',
    integer,
    [
      '0',
      '18446744073709551615',
      '9223372036854775808',
      '9007199254740991',
      '9007199254740992',
      '18444492273895866368',
    ],
  ],
  ['UTINYINT', number, ['0', '255']],
  ['USMALLINT', number, ['0', '65535']],
  ['UINTEGER', number, ['0', '4294967295']],
  ['FLOAT', float, ['0', '-0.0', '1e-45', 'inf', '-inf', 'nan', '3.4028234663852886e38']],
  ['DOUBLE', number, ['0', '-0.0', '5e-324', 'inf', '-inf', 'nan', '1.7976931348623157e308', '0.1']],
  ['DECIMAL(4,1)', decimal, ['-999.9', '0.0']],
  ['DECIMAL(9,9)', decimal, ['-0.999999999', '0.000000001']],
  ['DECIMAL(18,2)', decimal, ['-9999999999999999.99', '90071992547409.93']],
  ['DECIMAL(38,0)', decimal, ['9'.repeat(38), `-${'9'.repeat(38)}`]],
  ['DECIMAL(38,38)', decimal, [`-0.${'9'.repeat(38)}`, `0.${'0'.repeat(37)}1`]],
  ['VARCHAR', itself, ['', 'exactly 12 b', 'ü€😀 and more than twelve bytes']],
  [
    'UUID',
    itself,
    [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '80000000-0000-0000-0000-000000000000',
    ],
  ],
  [
    'DATE',
    date,
    [
      'infinity',
      '-infinity',
      '5877642-06-25 (BC)',
      '0001-01-01 (BC)',
      '0044-03-15 (BC)',
      '1970-01-01',
      '9999-12-31',
      '12345-06-07',
      '5881580-07-10',
    ],
  ],
  ['TIME', itself, ['00:00:00', '00:00:00.000001', '12:34:56.7', '23:59:59.999999', '24:00:00']],
  ['TIME_NS', itself, ['00:00:00.000000001', '12:34:56.789', '23:59:59.999999999', '24:00:00']],
  ['TIME WITH TIME ZONE', itself, ['00:00:00+00', '12:34:56.789+00']],
  [
    'TIMESTAMP',
    moment,
    [
      'infinity',
      '-infinity',
      '290309-12-22 (BC) 00:00:00',
      '294247-01-10 04:00:54.775806',
      '1969-12-31 23:59:59.999999',
      '0001-01-01 (BC) 00:00:00',
      '2026-01-31 12:00:00.123456',
    ],
  ],
  [
    'TIMESTAMP WITH TIME ZONE',
    moment,
    ['infinity', '1900-01-01 00:00:00.000001+00', '200000-12-31 23:59:59.999999+00'],
  ],
  [
    'TIMESTAMP_NS',
    moment,
    [
      'infinity',
      '-infinity',
      '1677-09-22 00:00:00',
      '2262-04-11 23:47:16.854775806',
      '1969-12-31 23:59:59.999999999',
      '2026-01-31 12:00:00.123456',
    ],
  ],
];

const mappings: Required<TypeMapping>[] = (['number', 'bigint'] as const).flatMap(int64 =>
  (['string', 'number'] as const).flatMap(decimal =>
    (['date', 'micros', 'nanos'] as const).map(timestamp => ({ int64, decimal, timestamp })),
  ),
);

/** Every way to read a column. */
const readers: [string, (path: string, mapping: TypeMapping) => Promise<ArrayLike<unknown> | undefined>][] = [
  ['readParquet', async (path, mapping) => (await readParquet(path, mapping)).map(({ x }) => x)],
  ['readParquetColumns', async (path, mapping) => (await readParquetColumns(path, mapping)).x],
  ['typed arrays', async (path, mapping) => (await readParquetColumns(path, { ...mapping, typedArrays: true })).x],
  [
    'scanParquet',
    async (path, mapping) => {
      const rows: { x: Value }[] = [];
      for await (const batch of scanParquet<{ x: Value }>(path, mapping)) rows.push(...batch);
      return rows.map(({ x }) => x);
    },
  ],
];

/** A file with one column, and DuckDB's text of its values. */
async function fileOf(select: string): Promise<{ path: string; texts: string[] }> {
  const path = join(temporaryFolder(), 'x.parquet');
  return withMemoryConnection(async connection => {
    await copyExactly(connection, { sql: select, path, options: 'FORMAT parquet', readBack: true });
    const reader = await connection.runAndReadAll(`SELECT CAST(x AS VARCHAR) FROM ${literal(path)}`);
    return { path, texts: reader.getRowsJS().map(([text]) => text as string) };
  });
}

async function check(select: string, expected: Expected): Promise<void> {
  const { path, texts } = await fileOf(select);
  const seen = new Set<string>();
  for (const mapping of mappings) {
    const values = texts.map(text => expected(text, mapping));
    const key = values.map(value => `${typeof value} ${String(value)}`).join();
    if (seen.has(key)) continue; // an option that does not matter for this type
    seen.add(key);
    for (const [name, read] of readers) {
      const found = await read(path, mapping).catch(error => error.code);
      const at = `${name} with ${JSON.stringify(mapping)} of ${texts}`;
      if (values.includes(undefined)) expect(found, at).toBe('VALUE_UNREPRESENTABLE');
      else expect(Array.from(found as ArrayLike<unknown>), at).toEqual(values);
    }
  }
}

describe('each value is what DuckDB says it is, or refused, in every reader with every option', () => {
  test.each(types)('%s', async (type, expected, values) => {
    for (const value of values) await check(`SELECT CAST(${literal(value)} AS ${type}) AS x`, expected);
    const all = values.map(value => `CAST(${literal(value)} AS ${type})`).join(', ');
    await check(`SELECT unnest([${all}]) AS x`, expected);
  });

  test.each<[string, fc.Arbitrary<bigint>, Expected]>([
    ['BIGINT', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), integer],
    ['UBIGINT', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), integer],
  ])('any %s', async (type, values, expected) => {
    const near = fc.tuple(fc.constantFrom(0n, 2n ** 32n, 2n ** 53n, 2n ** 62n), fc.bigInt({ min: 0n, max: 3n }));
    const any = fc.oneof(
      values,
      near.map(([a, b]) => a + b),
    );
    await fc.assert(
      fc.asyncProperty(any, value => check(`SELECT CAST('${value}' AS ${type}) AS x`, expected)),
      { numRuns: 25 },
    );
  });
});

describe('what other values cannot say', () => {
  test('a map with a key twice', async () => {
    const { path } = await fileOf("SELECT CAST(MAP {'1.0': 'a', '1.00': 'b'} AS MAP(DOUBLE, VARCHAR)) AS x");
    await expect(readParquet(path)).rejects.toMatchObject({
      code: 'VALUE_UNREPRESENTABLE',
      message: expect.stringContaining('column x'),
    });
  });

  test.each([-1n, 86_400_000_001n])('a time that is not within a day: %s microseconds', async micros => {
    const path = join(temporaryFolder(), 'x.parquet');
    await withMemoryConnection(async connection => {
      await connection.run('CREATE TEMP TABLE t (x TIME)');
      const appender = await connection.createAppender('t');
      appender.appendTime(new DuckDBTimeValue(micros));
      appender.endRow();
      appender.closeSync();
      await connection.run(`COPY t TO '${path}' (FORMAT parquet)`);
    });
    for (const [, read] of readers)
      await expect(read(path, {})).rejects.toMatchObject({ message: expect.stringContaining('column x') });
  });

  test('fields without names have those that DuckDB makes up for a file, and are a list without any', async () => {
    const sql = "SELECT row(1, 'x', NULL) AS x";
    expect(await readParquet((await fileOf(sql)).path)).toEqual([{ x: { '': 1, _1: 'x', _2: null } }]);
    const mapping = resolveMapping({});
    expect(await withMemoryConnection(connection => runForRows(connection, { sql, mapping }))).toEqual([
      { x: [1, 'x', null] },
    ]);
  });
});
