import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { describeParquet } from '../../test/support/duckdb.js';
import { temporaryFolder } from '../../test/support/folders.js';
import { converted, type Element, logical, physical, writeSchema } from '../../test/support/schema-file.js';
import { compact } from '../../test/support/thrift-bytes.js';
import { nullType } from './columns.js';
import { readParquetFooter } from './footer.js';
import { meaningRules } from './meaning-rules.js';
import { convertedTypes, logicalTypes, physicalTypes } from './schema-element.js';

const { i32, struct, yes } = compact;

/** Every annotation of the format's document, as far as it has no parameters. */
const logicals: Record<string, Buffer | undefined> = {
  none: undefined,
  ...Object.fromEntries(
    Object.values(logicalTypes)
      .filter(name => !['TIME', 'TIMESTAMP', 'INTEGER', 'DECIMAL', 'VARIANT'].includes(name))
      .map(name => [name, logical(name)]),
  ),
  DECIMAL: logical('DECIMAL', [1, i32(2)], [2, i32(9)]),
};

test('a leaf is read as DuckDB reads it, for each physical type with each pair of annotations', async () => {
  const folder = temporaryFolder();
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const differences: string[] = [];
  let readable = 0;
  for (const type of physicalTypes)
    for (const convertedName of [undefined, ...convertedTypes])
      for (const [logicalName, annotation] of Object.entries(logicals)) {
        const path = join(folder, `${type}-${convertedName}-${logicalName}.parquet`); // DuckDB caches files by path
        writeSchema(path, [
          {
            name: 'x',
            type: physical(type),
            ...(type === 'FIXED_LEN_BYTE_ARRAY' && {
              length: logicalName === 'FLOAT16' ? 2 : convertedName === 'INTERVAL' ? 12 : 16,
            }),
            ...(convertedName && { converted: converted(convertedName) }),
            ...(convertedName === 'DECIMAL' && { scale: 2, precision: 9 }),
            ...(annotation && { logical: annotation }),
          },
        ]);
        const theirs = await connection
          .runAndReadAll(`SELECT * FROM read_parquet('${path}') LIMIT 0`)
          .then(reader => reader.columnType(0).alias ?? String(reader.columnType(0)))
          .catch(() => undefined);
        const footer = await readParquetFooter(path);
        const isToldUnreadable = footer.meaning.faults.some(({ hint }) => hint === meaningRules.unreadable.instead);
        if (isToldUnreadable !== (theirs === undefined))
          differences.push(
            `${type} ${convertedName} ${logicalName}: DuckDB ${theirs === undefined ? 'cannot read' : 'reads'} it`,
          );
        if (theirs === undefined) continue;
        readable++;
        const ours = footer.columns[0]?.type;
        const isRefused = footer.meaning.faults.length > 0;
        if (ours !== theirs && ours !== nullType && !isRefused)
          differences.push(`${type} ${convertedName} ${logicalName}: ${ours}, not ${theirs}`);
      }
  connection.closeSync();
  instance.closeSync();
  expect(differences).toEqual([]);
  expect(readable).toBeGreaterThan(300);
});

async function meaningOf(columns: Element[], keyValue: Record<string, string> = {}) {
  const path = join(temporaryFolder(), 'file.parquet');
  writeSchema(path, columns, keyValue);
  return (await readParquetFooter(path)).meaning;
}

const bytes = { type: physical('BYTE_ARRAY') };
const int32 = { type: physical('INT32') };
const int64 = { type: physical('INT64') };

test.each<[string, Element, RegExp]>([
  ['text', { name: 'x', ...bytes, logical: logical('STRING') }, /is VARCHAR .* reads as BLOB/],
  ['JSON', { name: 'x', ...bytes, logical: logical('JSON') }, /is JSON .* reads as BLOB/],
  ['dates', { name: 'x', ...int32, logical: logical('DATE') }, /is DATE .* reads as INTEGER/],
  ['decimals', { name: 'x', ...int64, logical: logical('DECIMAL', [1, i32(2)], [2, i32(9)]) }, /is DECIMAL\(9,2\)/],
  [
    'decimals of other digits than the converted type has',
    {
      ...{ name: 'x', ...int32, converted: converted('DECIMAL'), precision: 9, scale: 1 },
      logical: logical('DECIMAL', [1, i32(2)], [2, i32(9)]),
    },
    /is DECIMAL\(9,2\) by its logical type, which DuckDB reads as DECIMAL\(9,1\)/,
  ],
  [
    'decimals of 39 digits',
    { name: 'x', ...bytes, converted: converted('DECIMAL'), precision: 39, scale: 2 },
    /at most 38/,
  ],
  [
    'lists',
    {
      name: 'x',
      logical: logical('LIST'),
      children: [{ name: 'list', repetition: 2, children: [{ name: 'e', ...int32 }] }],
    },
    /is a LIST/,
  ],
  [
    'an annotation that contradicts the other',
    { name: 'x', ...int32, converted: converted('DATE'), logical: logical('DECIMAL', [1, i32(0)], [2, i32(9)]) },
    /is DECIMAL\(9,0\)/,
  ],
  ['BSON', { name: 'x', ...bytes, converted: converted('BSON') }, /is a BSON in BYTE_ARRAY, which DuckDB cannot read/],
  ['a converted type that is none', { name: 'x', ...int64, converted: 99 }, /converted type 99/],
  ['a group of a converted type that is none', { name: 'x', converted: 99, children: [{ name: 'y', ...int64 }] }, /99/],
  [
    'decimals without a scale',
    { name: 'x', ...int32, converted: converted('DECIMAL'), precision: 9 },
    /scale is left out/,
  ],
  [
    'decimals without a precision',
    { name: 'x', ...int32, converted: converted('DECIMAL'), scale: 2 },
    /precision is left/,
  ],
  [
    'decimals without digits',
    { name: 'x', ...int32, converted: converted('DECIMAL'), precision: 0, scale: 0 },
    /is a DECIMAL\(0,0\), which the format does not allow/,
  ],
  [
    'decimals of a scale beyond their precision',
    { name: 'x', ...int32, converted: converted('DECIMAL'), precision: 2, scale: 3 },
    /is a DECIMAL\(2,3\)/,
  ],
  [
    'a map with keys alone',
    {
      name: 'x',
      converted: converted('MAP_KEY_VALUE'),
      repetition: 2,
      children: [{ name: 'key', ...bytes, converted: converted('UTF8') }],
    },
    /1 columns instead of 2/,
  ],
  [
    'an interval of 11 bytes',
    { name: 'x', type: physical('FIXED_LEN_BYTE_ARRAY'), length: 11, converted: converted('INTERVAL') },
    /of 11 bytes/,
  ],
  [
    'a UUID of 15 bytes',
    { name: 'x', type: physical('FIXED_LEN_BYTE_ARRAY'), length: 15, logical: logical('UUID') },
    /is UUID of 15 bytes; the format has 16/,
  ],
  [
    'a timestamp in 32 bits',
    { name: 'x', ...int32, logical: struct([8, struct([1, yes()], [2, struct([2, struct()])])]) },
    /is a TIMESTAMP in INT32/,
  ],
  [
    'times in UTC with nanoseconds',
    { name: 'x', ...int64, logical: struct([7, struct([1, yes()], [2, struct([3, struct()])])]) },
    /time of day in UTC/,
  ],
  [
    'repeated geometries',
    { name: 'x', ...bytes, repetition: 2, logical: logical('GEOMETRY') },
    /is a repeated GEOMETRY/,
  ],
  ['NUL in a name', { name: 'a\0b', ...int32 }, /NUL/],
])('what DuckDB would read as something else is told with its column: %s', async (_, column, problem) => {
  expect((await meaningOf([column])).faults).toEqual([
    {
      path: column.name,
      column: column.name,
      keepsValues: false,
      problem: expect.stringMatching(problem),
      hint: expect.toSatisfy(hint => Object.values(meaningRules).some(({ instead }) => instead === hint)),
    },
  ]);
});

test('a repeated GEOMETRY is a fault in a struct, and by the metadata of GeoParquet', async () => {
  const geometry = { name: 'x', ...bytes, repetition: 2 };
  const geo = JSON.stringify({ columns: { x: { encoding: 'WKB' } } });
  const inStruct = { name: 's', children: [{ ...geometry, logical: logical('GEOMETRY') }] };
  for (const [column, keyValue] of [
    [geometry, { geo }],
    [inStruct, {}],
  ] as const)
    expect((await meaningOf([column], { ...keyValue })).faults).toMatchObject([
      { keepsValues: false, hint: meaningRules.repeated.instead },
    ]);
  expect((await meaningOf([geometry])).faults).toEqual([]);
});

test('the hint for a MAP that DuckDB cannot read is about maps', async () => {
  const key = { name: 'key', ...int32, repetition: 0 };
  for (const children of [[key], [key, { name: 'value', ...int32 }, { name: 'more', ...int32 }]]) {
    const map = { name: 'x', converted: converted('MAP'), children: [{ name: 'key_value', repetition: 2, children }] };
    expect((await meaningOf([map])).faults).toMatchObject([{ path: 'x.key_value', hint: meaningRules.pairs.instead }]);
  }
});

test('a column without a name is a fault only if the name by its position is taken; a field always', async () => {
  const named = (...names: string[]) => names.map(name => ({ name, ...int32 }));
  expect((await meaningOf(named('x', ''))).faults).toEqual([]);
  expect((await meaningOf(named('', ''))).faults).toEqual([]);
  for (const columns of [named('c1', ''), [{ name: 'C1', children: named('a', '') }]])
    expect((await meaningOf(columns)).faults).toEqual([
      {
        path: expect.any(String),
        column: 'C1',
        keepsValues: true,
        problem: expect.stringMatching(/no name/),
        hint: meaningRules.noName.instead,
      },
    ]);
});

test.each([
  ['first', ['', 'x'], [0]],
  ['last', ['x', ''], [1]],
  ['twice', ['x', '', ''], [1]],
])('a column without a name has the name that DuckDB makes up, and says so: %s', async (_, names, unnamed) => {
  const path = join(temporaryFolder(), 'file.parquet');
  writeSchema(
    path,
    names.map(name => ({ name, ...int32 })),
  );
  const { columns } = await readParquetFooter(path);
  expect(columns.map(({ name, type }) => ({ name, type }))).toEqual(await describeParquet(path));
  expect(columns.flatMap((column, index) => (column.unnamed ? [index] : []))).toEqual(unnamed);
});

test('faults name their column as DuckDB does', async () => {
  const wrong = { name: 'x', ...bytes, logical: logical('STRING') };
  const { faults } = await meaningOf([{ name: 'X', ...int32 }, wrong, { ...wrong, name: '' }]);
  expect(faults.map(({ column }) => column)).toEqual(['x_1', 'C2']);
});

test('a fault inside a column is told with the way to it', async () => {
  const inside = { name: 'b', ...bytes, logical: logical('STRING') };
  const { faults } = await meaningOf([{ name: 'a', children: [inside, { name: 'c', ...int32 }] }]);
  expect(faults.map(fault => fault.path)).toEqual(['a.b']);
});

test('columns whose nanoseconds DuckDB would cut are told, wherever they lie', async () => {
  const nanos = struct([8, struct([1, yes()], [2, struct([3, struct()])])]);
  const { nanosecondColumns, faults } = await meaningOf([
    { name: 'old', type: physical('INT96') },
    { name: 'deep', children: [{ name: 'at', ...int64, logical: nanos }] },
    { name: 'plain', ...int64 },
  ]);
  expect(faults).toEqual([]);
  expect(nanosecondColumns).toEqual(['old', 'deep']);
});

test('columns with a number that DuckDB reads into a shorter integer are told, wherever they lie', async () => {
  const decimal = (precision: number) => ({ converted: converted('DECIMAL'), precision, scale: 0 });
  const { narrowedColumns } = await meaningOf([
    { name: 'short', ...int32, ...decimal(4) },
    { name: 'fits', ...int32, ...decimal(5) },
    { name: 'deep', children: [{ name: 'at', ...int64, ...decimal(9) }] },
    { name: 'long', ...int64, ...decimal(10) },
    { name: 'tiny', ...int32, converted: converted('UINT_8') },
    { name: 'whole', ...int32, converted: converted('UINT_32') },
  ]);
  expect(narrowedColumns).toEqual(['short', 'deep', 'tiny']);
});
