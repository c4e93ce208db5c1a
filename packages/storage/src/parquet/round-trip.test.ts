import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { readParquet, readParquetColumns } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';
import { writeParquet } from './write-parquet.js';

const write = async (rows: object[], schema: Record<string, string>): Promise<string> => {
  const path = join(temporaryFolder(), 'f.parquet');
  await writeParquet(path, rows, schema);
  return path;
};

describe('what is written is what is read', () => {
  test.each<[string, unknown[]]>([
    ['BOOLEAN', [true, false]],
    ['TINYINT', [-128, 127]],
    ['SMALLINT', [-32768, 32767]],
    ['INTEGER', [-(2 ** 31), 2 ** 31 - 1]],
    ['BIGINT', [Number.MIN_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER]],
    ['UTINYINT', [0, 255]],
    ['USMALLINT', [0, 65535]],
    ['UINTEGER', [0, 2 ** 32 - 1]],
    ['UBIGINT', [0, Number.MAX_SAFE_INTEGER]],
    ['FLOAT', [0.5, -1.25]],
    ['DOUBLE', [0.1, -1e300, Number.POSITIVE_INFINITY, Number.MIN_VALUE]],
    ['VARCHAR', ['', 'ü€😀', "it's", 'a\u0000b']],
    ['BLOB', [new Uint8Array([0, 255]), new Uint8Array()]],
    ['UUID', ['123e4567-e89b-12d3-a456-426614174000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']],
    ['DATE', ['1970-01-01', '2020-02-29', '1900-12-31']],
    ['TIME', ['00:00:00', '23:59:59.999999']],
    ['TIMESTAMP', [new Date(0), new Date(-1), new Date('2020-02-29T12:34:56.789Z')]],
    ['TIMESTAMP WITH TIME ZONE', [new Date(0), new Date('2020-02-29T12:34:56.789Z')]],
    ['DECIMAL(4,1)', ['-999.9', '0.0', '12.5']],
    ['DECIMAL(18,2)', ['12.50', '-9999999999999999.99']],
    ['DECIMAL(38,10)', ['1234567890123456789012345678.0123456789']],
    ['INTEGER[]', [[], [1, null, 3]]],
    ['VARCHAR[][]', [[['a'], [], ['b', null]]]],
    [
      'STRUCT(a INTEGER, b VARCHAR[])',
      [
        { a: 1, b: ['x'] },
        { a: null, b: null },
      ],
    ],
    [
      'MAP(VARCHAR, DOUBLE)',
      [
        new Map([
          ['a', 1.5],
          ['b', 2],
        ]),
        new Map(),
      ],
    ],
    ['INTERVAL', [{ months: 1, days: 2, micros: 3000n }]],
  ])('%s', async (type, values) => {
    const rows = [...values, null].map(value => ({ value }));
    expect(await readParquet(await write(rows, { value: type }))).toEqual(rows);
  });

  test.each(['DOUBLE', 'FLOAT', 'DOUBLE[]', 'STRUCT(a DOUBLE)'])('-0 of a %s in order too', async type => {
    const value = { DOUBLE: -0, FLOAT: -0, 'DOUBLE[]': [-0], 'STRUCT(a DOUBLE)': { a: -0 } }[type];
    const path = await write(
      [
        { n: 1, value },
        { n: 2, value },
      ],
      { n: 'INTEGER', value: type },
    );
    const expected = [
      { n: 2, value },
      { n: 1, value },
    ];
    const orderBy = ['value', { column: 'n', direction: 'desc' }] as const;
    expect(await readParquet(path, { orderBy })).toEqual(expected);
    const scanned: unknown[] = [];
    for await (const batch of scanParquet(path, { orderBy })) scanned.push(...batch);
    expect(scanned).toEqual(expected);
  });

  test('integers beyond 2^53 come out as bigint when asked for, and never rounded', async () => {
    const path = await write([{ n: 2n ** 63n - 1n }], { n: 'BIGINT' });
    expect(await readParquet(path, { int64: 'bigint' })).toEqual([{ n: 2n ** 63n - 1n }]);
    await expect(readParquet(path)).rejects.toMatchObject({
      code: 'VALUE_UNREPRESENTABLE',
      hint: expect.stringContaining('bigint'),
    });
  });

  test('any rows of numbers, text and times', async () => {
    const row = fc.record({
      i: fc.option(fc.maxSafeInteger()),
      d: fc.option(fc.double({ noNaN: true })),
      s: fc.option(fc.string({ unit: 'grapheme' })),
      t: fc.option(fc.date({ noInvalidDate: true, min: new Date('1800-01-01'), max: new Date('2200-01-01') })),
      l: fc.option(fc.array(fc.option(fc.integer()))),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 40 }), async rows => {
        const path = join(temporaryFolder(), 'f.parquet');
        await writeParquet(path, rows, { i: 'BIGINT', d: 'DOUBLE', s: 'VARCHAR', t: 'TIMESTAMP', l: 'INTEGER[]' });
        expect(await readParquet(path)).toEqual(rows);
      }),
      { numRuns: 40 },
    );
  });

  test('columns as well as rows, across many chunks', async () => {
    const n = 10_000;
    const path = join(temporaryFolder(), 'f.parquet');
    const columns = {
      id: Array.from({ length: n }, (_, i) => i),
      name: Array.from({ length: n }, (_, i) => (i % 3 ? `n${i % 50}` : null)),
    };
    expect(await writeParquet(path, columns, { id: 'BIGINT', name: 'VARCHAR' })).toMatchObject({ rows: n });
    expect(await readParquetColumns(path)).toEqual(columns);
  });

  test('a type may be as deep as any reader of the bus takes', async () => {
    const path = await write([{ a: null }], { a: `BIGINT${'[]'.repeat(15)}` });
    expect(await readParquetColumns(path)).toEqual({ a: [null] });
  });

  test('a file without rows has its columns', async () => {
    const path = await write([], { a: 'BIGINT', b: 'VARCHAR' });
    expect(await readParquetColumns(path)).toEqual({ a: [], b: [] });
  });
});

describe('refused, with nothing left behind', () => {
  test.each<[string, object, Record<string, string>, string]>([
    ['text for a number', { a: '1' }, { a: 'BIGINT' }, 'VALUE_INVALID'],
    ['a number out of range', { a: 300 }, { a: 'TINYINT' }, 'VALUE_INVALID'],
    ['a fraction for an integer', { a: 1.5 }, { a: 'BIGINT' }, 'VALUE_INVALID'],
    ['digits that a decimal does not have', { a: '1.234' }, { a: 'DECIMAL(6,2)' }, 'VALUE_INVALID'],
    ['an invalid date', { a: new Date(Number.NaN) }, { a: 'TIMESTAMP' }, 'VALUE_INVALID'],
    ['a property that is no column', { a: 1, b: 2 }, { a: 'BIGINT' }, 'VALUE_INVALID'],
    ['a type that there is not', { a: 1 }, { a: 'NUMBER' }, 'SCHEMA_INVALID'],
    ['SQL in a type', { a: 1 }, { a: 'BIGINT); DROP TABLE x; --' }, 'SCHEMA_INVALID'],
    ['no columns', {}, {}, 'SCHEMA_INVALID'],
    ['one list too many', { a: null }, { a: `BIGINT${'[]'.repeat(16)}` }, 'SCHEMA_INVALID'],
    ['100,000 lists', { a: null }, { a: `BIGINT${'[]'.repeat(100_000)}` }, 'SCHEMA_INVALID'],
    [
      '100,000 structs',
      { a: null },
      { a: `${'STRUCT(a '.repeat(100_000)}BIGINT${')'.repeat(100_000)}` },
      'SCHEMA_INVALID',
    ],
    [
      '100,000 maps',
      { a: null },
      { a: `${'MAP(BIGINT, '.repeat(100_000)}BIGINT${')'.repeat(100_000)}` },
      'SCHEMA_INVALID',
    ],
  ])('%s', async (_, row, schema, code) => {
    const folder = temporaryFolder();
    const path = join(folder, 'f.parquet');
    await expect(writeParquet(path, [row], schema)).rejects.toMatchObject({ code, hint: expect.any(String) });
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(folder)).toEqual([]);
  });
});

test.each([
  ['a column without a name', { '': 'INTEGER' }, 'A column has no name.'],
  ['a column with NUL in its name', { 'a\0': 'INTEGER' }, 'A column has a NUL character in its name: "a\\u0000".'],
  [
    'half of a surrogate pair',
    { 'a\ud800': 'INTEGER' },
    'A column has half of a surrogate pair in its name: "a\\ud800".',
  ],
  ['half of a pair in a field', { s: 'STRUCT("a\ud800" INTEGER)' }, 'is not a type that can be written'],
  ['a field without a name', { s: 'STRUCT("" INTEGER)' }, 'is not a type that can be written'],
])('a name that readers would not find is refused: %s', async (_, schema, problem) => {
  await expect(write([], schema)).rejects.toEqual(
    expect.objectContaining({ code: 'SCHEMA_INVALID', message: expect.stringContaining(problem) }),
  );
});

test.each([
  ['BIGINT', [1, 1n]],
  ['TIMESTAMP', [new Date(5), 5000n]],
  ['DATE', ['2020-01-01', new Date('2020-01-01')]],
] as const)('keys that are one %s are not two keys of a MAP', async (type, keys) => {
  const rows = [{ m: new Map(keys.map(key => [key, 1])) }];
  await expect(write(rows, { m: `MAP(${type}, INTEGER)` })).rejects.toThrow(/a MAP cannot have the key .* twice/);
});

test('names that DuckDB tells apart are columns and fields of their own', async () => {
  const [upper, lower, kelvin] = ['É', 'é', '\u212a'];
  const rows = [{ [upper]: 1, [lower]: 2, [kelvin]: 3, k: { [upper]: 4, [lower]: 5 } }];
  const fields = `STRUCT("${upper}" INTEGER, "${lower}" INTEGER)`;
  const path = await write(rows, { [upper]: 'INTEGER', [lower]: 'INTEGER', [kelvin]: 'INTEGER', k: fields });
  expect(await readParquet(path)).toEqual(rows);
  const orderBy = [lower, 'k'].map(column => ({ column, direction: 'asc' as const }));
  for await (const found of scanParquet(path, { columns: [upper, kelvin], orderBy }))
    expect(found).toEqual([{ [upper]: 1, [kelvin]: 3 }]);
  await expect(write([], { a: 'INTEGER', A: 'INTEGER' })).rejects.toThrow('Two columns are called A');
});
