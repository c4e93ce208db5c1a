import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withoutNullCount } from '@quantbot/bus-format/testing';
import { parquetMetadata, type SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import type { ReadOptions } from './read-options.js';
import { readParquet } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';

/** A file with a column `n` of integers and other columns, from a writer other than DuckDB. */
function fileOf(
  columns: [name: string, element: Partial<SchemaElement>, data: unknown[]][],
  folder = temporaryFolder(),
): string {
  const rows = columns[0]?.[2].length ?? 0;
  const all: typeof columns = [['n', { type: 'INT32' }, Array.from({ length: rows }, (_, i) => i)], ...columns];
  const schema = [
    { name: 'schema', num_children: all.length },
    ...all.map(([name, element]) => ({ name, repetition_type: 'OPTIONAL' as const, ...element })),
  ];
  const columnData = all.map(([name, , data]) => ({ name, data: data as never }));
  const path = join(folder, `${columns.map(([name]) => name).join('')}.parquet`);
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, schema })));
  return path;
}

const nanosWithZone: Partial<SchemaElement> = {
  type: 'INT64',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
};
const moment = 1_700_000_000_123_456_000n;

/** Runs each reader. Returns its result or its error. */
const read = async (path: string, options: ReadOptions) => {
  const scanned: unknown[] = [];
  const scan = async () => {
    for await (const rows of scanParquet(path, options)) scanned.push(...rows);
    return scanned;
  };
  const results = await Promise.allSettled([readParquet(path, options), scan()]);
  return results.map(result => (result.status === 'fulfilled' ? result.value : result.reason.code));
};
const both = (value: unknown) => [value, value];

describe('nanoseconds with a time zone, of which DuckDB keeps microseconds', () => {
  const fine = () => fileOf([['ts', nanosWithZone, [moment, moment + 789n]]]);
  const coarse = () => fileOf([['ts', nanosWithZone, [moment, moment + 1000n]]]);
  const ms = new Date(1_700_000_000_123);

  test('are milliseconds in a Date', async () => {
    expect(await read(fine(), { columns: ['ts'] })).toEqual(both([{ ts: ms }, { ts: ms }]));
  });

  test.each([
    ['', 'C1'],
    ['N', 'N_1'],
  ])('are found in a column of the name %j, which DuckDB calls %s', async (name, given) => {
    const options: ReadOptions = { columns: [given], timestamp: 'micros' };
    expect(await read(fileOf([[name, nanosWithZone, [moment, moment + 789n]]]), options)).toEqual(
      both('TYPE_UNSUPPORTED'),
    );
    expect(await read(fileOf([[name, nanosWithZone, [moment]]]), options)).toEqual(
      both([{ [given]: 1_700_000_000_123_456n }]),
    );
  });

  test.each([
    [-1n, 'TYPE_UNSUPPORTED'],
    [-1_000_999n, 'TYPE_UNSUPPORTED'],
    [0n, 0],
    [-1000n, -1],
    [-999_001n, -1],
    [-1_000_000n, -1],
    [-1_000_001n, 'TYPE_UNSUPPORTED'],
    [-86_400_000_000_000n, -86_400_000],
  ])('%i nanoseconds from 1970 are the millisecond that they are in, or refused', async (nanos, expected) => {
    const found = typeof expected === 'number' ? [{ ts: new Date(expected) }] : expected;
    expect(await read(fileOf([['ts', nanosWithZone, [nanos]]]), { columns: ['ts'] })).toEqual(both(found));
  });

  test.each<ReadOptions>([
    { timestamp: 'micros' },
    { timestamp: 'nanos' },
    { columns: ['n'], where: 'ts = ?', params: [ms] },
    { columns: ['n'], where: '"TS" IS NOT NULL' },
    { columns: ['n'], orderBy: 'TS' },
  ])('are refused where they would count: %j', async options => {
    expect(await read(fine(), options)).toEqual(both('TYPE_UNSUPPORTED'));
    await expect(readParquet(fine(), options)).rejects.toMatchObject({
      message: expect.stringMatching(/^The column ts in .*ts\.parquet has nanoseconds/),
      hint: expect.stringContaining("timestamp: 'date'"),
    });
    expect(await read(coarse(), options)).not.toContain('TYPE_UNSUPPORTED');
  });

  test('do not matter where they are not read', async () => {
    expect(await read(fine(), { columns: ['n'], where: 'n = 1', timestamp: 'micros' })).toEqual(both([{ n: 1 }]));
  });

  test('that are whole microseconds are read with every option', async () => {
    expect(await read(coarse(), { columns: ['ts'], timestamp: 'nanos', orderBy: 'ts', limit: 1 })).toEqual(
      both([{ ts: moment }]),
    );
  });
});

test('a decimal of more than 38 digits is refused, with its name, and other columns are read', async () => {
  const element = {
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: 17,
    converted_type: 'DECIMAL',
    precision: 39,
    scale: 2,
  } as const;
  const path = fileOf([['price', element, [1.5]]]);
  expect(await read(path, {})).toEqual(both('TYPE_UNSUPPORTED'));
  await expect(readParquet(path)).rejects.toMatchObject({ message: expect.stringContaining('price') });
  expect(await read(path, { columns: ['n'] })).toEqual(both([{ n: 0 }]));
});

test('a name that would be cut is refused, and a column without one is read under a name that DuckDB makes up', async () => {
  const integers: Partial<SchemaElement> = { type: 'INT32' };
  expect(await read(fileOf([['', integers, [10]]]), {})).toEqual(both([{ n: 0, C1: 10 }]));
  const cut = fileOf([['a', integers, [10]]]);
  writeFileSync(cut, readFileSync(cut).toString('latin1').replaceAll('\x01a', '\x01\0'), 'latin1');
  expect(await read(cut, {})).toEqual(both('TYPE_UNSUPPORTED'));
});

describe('names that differ in nothing but case', () => {
  const integers: Partial<SchemaElement> = { type: 'INT32' };
  const file = (folder?: string) =>
    fileOf(
      [
        ['a', integers, [10]],
        ['A', integers, [20]],
      ],
      folder,
    );

  test('are told apart as DuckDB does, and asked for exactly', async () => {
    expect(await read(file(), {})).toEqual(both([{ n: 0, a: 10, A_1: 20 }]));
    expect(await read(file(), { columns: ['A_1', 'a'] })).toEqual(both([{ A_1: 20, a: 10 }]));
    expect(await read(file(), { columns: ['A'] })).toEqual(both('COLUMN_NOT_FOUND'));
  });

  test('are never taken for those of another file', async () => {
    const folder = temporaryFolder();
    file(folder);
    expect(await read(folder, {})).toEqual(both([{ n: 0, a: 10, A_1: 20 }]));
    fileOf(
      [
        ['A', integers, [1]],
        ['a', integers, [2]],
      ],
      folder,
    );
    expect(await read(folder, {})).toEqual(both('SCHEMA_DIFFERS'));
  });
});

test('statistics that lie lose no row', async () => {
  const path = fileOf([['x', { type: 'INT32' }, [1, 2, 777_777]]]);
  const bytes = readFileSync(path);
  const [max, lie] = [777_777, 5].map(value => Buffer.from(new Int32Array([value]).buffer)) as [Buffer, Buffer];
  for (let at = bytes.lastIndexOf(max); at > bytes.indexOf(max); at = bytes.lastIndexOf(max)) lie.copy(bytes, at);
  writeFileSync(path, bytes);
  const found = [{ n: 2, x: 777_777 }];
  expect(await read(path, { where: 'x > 100' })).toEqual(both(found));
  expect(await read(path, { where: 'x > ? AND n < ?', params: [100, 9], columns: ['x'] })).toEqual(
    both([{ x: 777_777 }]),
  );
  expect(await read(path, { orderBy: { column: 'x', direction: 'desc' }, limit: 1 })).toEqual(both(found));
  const partition = join(temporaryFolder(), 'p=1');
  mkdirSync(partition);
  writeFileSync(join(partition, 'x.parquet'), bytes);
  const hive = { hivePartitioning: true, where: 'x > 100 AND p = 1' };
  expect(await read(partition, hive)).toEqual(both([{ n: 2, x: 777_777, p: 1 }]));
});

test('an artifact is not believed that DuckDB has written it', async () => {
  const folder = join(temporaryFolder(), 'store/p/k');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'r@a.parquet');
  await withMemoryConnection(connection =>
    connection.run(`COPY (SELECT unnest([1, 2, 777777])::INTEGER AS x) TO '${path}' (FORMAT parquet)`),
  );
  const bytes = readFileSync(path);
  const footer = bytes.length - 8 - bytes.readInt32LE(bytes.length - 8);
  const [max, lie] = [777_777, 5].map(value => Buffer.from(new Int32Array([value]).buffer)) as [Buffer, Buffer];
  expect(bytes.indexOf(max, footer)).toBeGreaterThan(0);
  for (let at = bytes.indexOf(max, footer); at > 0; at = bytes.indexOf(max, footer)) lie.copy(bytes, at);
  writeFileSync(path, bytes);
  expect(await read(path, { where: 'x > 100' })).toEqual(both([{ x: 777_777 }]));
});

test.each([true, false])(
  'a DECIMAL of more digits than its type is an error, with statistics: %s',
  async statistics => {
    const path = join(temporaryFolder(), 'x.parquet');
    const write = (data: number[]) => {
      const element = { name: 'x', repetition_type: 'REQUIRED', type: 'INT32', converted_type: 'DECIMAL' } as const;
      const schema: SchemaElement[] = [
        { name: 'schema', num_children: 1 },
        { ...element, precision: 4, scale: 0 },
      ];
      writeFileSync(
        path,
        new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'x', data }], schema, statistics })),
      );
    };
    write([65_541, 1]);
    expect(await read(path, {})).toEqual(both('TYPE_UNSUPPORTED'));
    write([-9_999, 9_999]);
    expect(await read(path, {})).toEqual(both([{ x: '-9999' }, { x: '9999' }]));
  },
);

test('a time in UTC that is not within a day is an error, and never another time', async () => {
  const inUtc: Partial<SchemaElement> = {
    type: 'INT64',
    logical_type: { type: 'TIME', isAdjustedToUTC: true, unit: 'MICROS' },
  };
  const day = 86_400_000_000n;
  for (const value of [-1n, day + 1n, 1000n * day])
    expect(await read(fileOf([['t', inUtc, [value]]]), { columns: ['t'] }), `${value}`).toEqual(
      both('TYPE_UNSUPPORTED'),
    );
  expect(await read(fileOf([['t', inUtc, [0n, day]]]), { columns: ['t'] })).toEqual(
    both([{ t: '00:00:00+00' }, { t: '24:00:00+00' }]),
  );
});

test('an INT96 of a day that DuckDB does not have is an error, and never another day', async () => {
  const write = (day: number) => {
    const value = Buffer.alloc(12);
    value.writeInt32LE(day, 8);
    const path = fileOf([['x', { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 12 }, [value]]]);
    // No writer at hand writes INT96: field 1 of the schema's element and of the chunk is the type.
    const bytes = readFileSync(path);
    const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    for (let at = bytes.indexOf('\x15\x0e', footer); at >= 0; at = bytes.indexOf('\x15\x0e', at + 1)) bytes[at + 1] = 6;
    writeFileSync(path, bytes);
    return path;
  };
  expect(await read(write(2 ** 31 - 1), { columns: ['x'] })).toEqual(both('TYPE_UNSUPPORTED'));
  expect(await read(write(2_440_588), { columns: ['x'] })).toEqual(both([{ x: new Date(0) }]));
});

test('statistics that claim nothing but NULL hide no value from a condition', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  const bytes = Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'x', data: [1, null, 3], type: 'INT32' }] }));
  const claim = (): bigint | undefined =>
    parquetMetadata(new Uint8Array(bytes).buffer).row_groups[0]?.columns[0]?.meta_data?.statistics?.null_count;
  const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const count = bytes.indexOf('\x36\x02', footer); // field 3 of the statistics, which have no 1 and 2
  expect(claim()).toBe(1n);
  bytes[count + 1] = 6;
  expect(claim()).toBe(3n);
  writeFileSync(path, bytes);
  expect(await read(path, { where: 'x IS NULL' })).toEqual(both([{ x: null }]));
  expect(await read(path, { where: 'x IS NOT NULL' })).toEqual(both([{ x: 1 }, { x: 3 }]));
  expect(await read(path, { where: "coalesce(x::VARCHAR, 'none') = 'none'" })).toEqual(both([{ x: null }]));
});

test('a column whose values no second reader can check is an error with its name', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  writeFileSync(path, withoutNullCount);
  await expect(readParquet(path)).rejects.toMatchObject({
    code: 'READ_FAILED',
    message: expect.stringContaining('the column x cannot be checked'),
    hint: expect.stringContaining('data pages of version 1'),
  });
});
