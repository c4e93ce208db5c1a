import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { duckdb } from '../../test/support/duckdb.js';
import { temporaryFolder } from '../../test/support/folders.js';
import { tinyDisk } from '../../test/support/machine.js';
import { readParquetFooter } from './footer.js';
import { type SmallSchema, writeSmallParquet } from './small-writer.js';

const everything: SmallSchema = {
  ts: 'timestamp',
  text: 'string',
  value: 'double',
  whole: 'int64',
  flag: 'boolean',
  ts_or_null: { type: 'timestamp', optional: true },
  text_or_null: { type: 'string', optional: true },
  value_or_null: { type: 'double', optional: true },
  whole_or_null: { type: 'int64', optional: true },
  flag_or_null: { type: 'boolean', optional: true },
};

/** The rows of a file as DuckDB reads them, each value as text that loses nothing. */
const readBack = (path: string) =>
  duckdb(`SELECT epoch_ms(ts)::VARCHAR AS ts, text, value::VARCHAR AS value, whole::VARCHAR AS whole, flag,
    epoch_ms(ts_or_null)::VARCHAR AS ts_or_null, text_or_null, value_or_null::VARCHAR AS value_or_null,
    whole_or_null::VARCHAR AS whole_or_null, flag_or_null FROM '${path}'`);

test('DuckDB reads every row as it was written', async () => {
  const value = fc.oneof(
    fc.double({ noNaN: true }),
    fc.constantFrom(0, -0, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE),
  );
  const whole = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }));
  const ts = fc.date({ min: new Date(-62135596800000), max: new Date(253402300799999), noInvalidDate: true });
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', '日本 🚀', "'; DROP TABLE x; --", 'a\0b\n"'),
  );
  const orNull = <T>(values: fc.Arbitrary<T>) =>
    fc.option(values, { nil: fc.sample(fc.constantFrom(null, undefined), 1)[0] });
  const row = fc.record({
    ts,
    text,
    value,
    whole,
    flag: fc.boolean(),
    ts_or_null: orNull(ts),
    text_or_null: orNull(text),
    value_or_null: orNull(value),
    whole_or_null: orNull(whole),
    flag_or_null: orNull(fc.boolean()),
  });
  const folder = temporaryFolder();
  const path = join(folder, 'rows.parquet');
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async rows => {
      expect(await writeSmallParquet(path, { columns: everything, rows })).toBe(rows.length);
      const back = await readBack(path);
      expect(back).toHaveLength(rows.length);
      for (const [index, written] of rows.entries()) {
        const read = back[index] as Record<string, string | boolean | null>;
        for (const suffix of ['', '_or_null'] as const) {
          const of = <K extends string>(name: K) => written[`${name}${suffix}` as keyof typeof written] ?? null;
          expect(read[`ts${suffix}`]).toBe((of('ts') as Date | null)?.getTime().toString() ?? null);
          expect(read[`text${suffix}`]).toBe(of('text'));
          expect(read[`whole${suffix}`]).toBe(of('whole')?.toString() ?? null);
          expect(read[`flag${suffix}`]).toBe(of('flag'));
          const double = read[`value${suffix}`];
          expect(typeof double === 'string' ? Number(double.replace('inf', 'Infinity')) : null).toBe(of('value'));
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(readdirSync(folder)).toEqual(['rows.parquet']);
});

test('columns have the types that the footer and DuckDB agree on', async () => {
  const path = join(temporaryFolder(), 'empty.parquet');
  expect(await writeSmallParquet(path, { columns: everything, rows: [] })).toBe(0);
  const { rows, columns } = await readParquetFooter(path);
  expect(rows).toBe(0);
  expect(columns.slice(0, 5)).toEqual([
    { name: 'ts', type: 'TIMESTAMP', nullable: false },
    { name: 'text', type: 'VARCHAR', nullable: false },
    { name: 'value', type: 'DOUBLE', nullable: false },
    { name: 'whole', type: 'BIGINT', nullable: false },
    { name: 'flag', type: 'BOOLEAN', nullable: false },
  ]);
  expect(columns.slice(5).every(column => column.nullable)).toBe(true);
  expect(await duckdb(`SELECT * FROM '${path}'`)).toEqual([]);
});

test('many row groups and pages come back in order, from an iterable that is never held whole', async () => {
  const path = join(temporaryFolder(), 'many.parquet');
  const count = 120_001;
  async function* rows() {
    for (let i = 0; i < count; i++) yield { i, even: i % 2 === 0, note: i % 3 === 0 ? null : `row ${i}` };
  }
  const columns: SmallSchema = { i: 'int64', even: 'boolean', note: { type: 'string', optional: true } };
  expect(await writeSmallParquet(path, { columns, rows: rows() })).toBe(count);
  expect((await readParquetFooter(path)).rowGroups).toBe(3);
  const [result] =
    await duckdb(`SELECT count(*) AS n, bool_and(i = file_row_number) AS in_order, bool_and(even = (i % 2 = 0)) AS even,
    count(note) AS notes, bool_and(note IS NULL OR note = 'row ' || i) AS same FROM read_parquet('${path}', file_row_number = true)`);
  expect(result).toEqual({ n: String(count), in_order: true, even: true, notes: String(80_000), same: true });
});

test('a filter on strings finds what is there, whatever its code points', async () => {
  const path = join(temporaryFolder(), 'strings.parquet');
  const texts = ['\uFF5E', '🚀', 'a', '', 'z'];
  await writeSmallParquet(path, { columns: { text: 'string' }, rows: texts.map(text => ({ text })) });
  for (const text of texts)
    expect(await duckdb(`SELECT text FROM '${path}' WHERE text = '${text}'`)).toEqual([{ text }]);
  expect(await duckdb(`SELECT count(*) AS n FROM '${path}' WHERE text >= '🚀'`)).toEqual([{ n: '1' }]);
});

test.each(['select', 'a b', 'a.b', 'a,b', 'a"b', "a'b", 'é', 'constructor', 'toString', '1'])(
  'a column may be named %j',
  async name => {
    const path = join(temporaryFolder(), 'names.parquet');
    await writeSmallParquet(path, { columns: { [name]: 'int64', other: 'int64' }, rows: [{ [name]: 7, other: 8 }] });
    expect(await duckdb(`SELECT * FROM '${path}'`)).toEqual([{ [name]: '7', other: '8' }]);
  },
);

test.each(Object.getOwnPropertyNames(Object.prototype).filter(name => name !== '__proto__'))(
  'a null in an optional column named %s is a null, although every object has such a member',
  async name => {
    const path = join(temporaryFolder(), 'inherited.parquet');
    for (const type of ['string', 'int64', 'double', 'boolean', 'timestamp'] as const) {
      const columns: SmallSchema = { id: 'int64', [name]: { type, optional: true } };
      await writeSmallParquet(path, { columns, rows: [{ id: 1 }, { id: 2, [name]: null }] });
      expect(await duckdb(`SELECT count(*) AS n, count(${JSON.stringify(name)}) AS values FROM '${path}'`)).toEqual([
        { n: '2', values: '0' },
      ]);
    }
  },
);

describe('what cannot be written exactly is refused, with row and column, and leaves nothing', () => {
  const columns: SmallSchema = { n: 'int64', x: 'double', s: 'string', b: 'boolean', t: 'timestamp' };
  const good = { n: 1, x: 1.5, s: 'a', b: true, t: new Date(0) };
  test.each<[string, Record<string, unknown>]>([
    ['n', { n: 2 ** 53 }],
    ['n', { n: -(2 ** 53) - 2 }],
    ['n', { n: 2n ** 53n + 1n }],
    ['n', { n: 1.5 }],
    ['n', { n: NaN }],
    ['n', { n: '1' }],
    ['x', { x: NaN }],
    ['x', { x: 1n }],
    ['x', { x: '1.5' }],
    ['s', { s: 1 }],
    ['s', { s: 'half \ud83d' }],
    ['s', { s: ['a'] }],
    ['b', { b: 1 }],
    ['t', { t: 0 }],
    ['t', { t: new Date(NaN) }],
    ['t', { t: '2026-01-01' }],
    ['n', { n: null }],
    ['n', { n: undefined }],
    ['stray', { stray: 1 }],
    ['constructor', { constructor: 1 }],
  ])('%s: %o', async (column, wrong) => {
    const folder = temporaryFolder();
    const rows = [good, good, { ...good, ...wrong }];
    await expect(writeSmallParquet(join(folder, 'file.parquet'), { columns, rows })).rejects.toMatchObject({
      code: 'VALUE_INVALID',
      message: expect.stringMatching(new RegExp(`^Row 2: ${column} `)),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each<SmallSchema>([
    {},
    { '': 'int64' },
    { 'a\0': 'int64' },
    { 'a\ud800': 'int64' },
    JSON.parse('{"__proto__": "int64"}'),
  ])('columns %j', async wrong => {
    const folder = temporaryFolder();
    await expect(writeSmallParquet(join(folder, 'file.parquet'), { columns: wrong, rows: [] })).rejects.toMatchObject({
      code: 'VALUE_INVALID',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    undefined,
    [{ n: 1 }],
    { n: 'int64' },
    { columns: { n: 'int64' } },
    { columns: { n: 'BIGINT' }, rows: [] },
    { columns: { n: null }, rows: [] },
  ])('a table %j', async wrong => {
    const path = join(temporaryFolder(), 'x.parquet');
    await expect(writeSmallParquet(path, wrong as never)).rejects.toMatchObject({ code: 'VALUE_INVALID' });
  });

  test('a row that is none', async () => {
    const rows = [null] as unknown as Record<string, unknown>[];
    const path = join(temporaryFolder(), 'file.parquet');
    await expect(writeSmallParquet(path, { columns, rows })).rejects.toMatchObject({ code: 'VALUE_INVALID' });
  });
});

test('an iterable that fails leaves the file that was there before', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'file.parquet');
  await writeSmallParquet(path, { columns: { n: 'int64' }, rows: [{ n: 1 }] });
  function* rows() {
    yield { n: 2 };
    throw new Error('the source broke');
  }
  await expect(writeSmallParquet(path, { columns: { n: 'int64' }, rows: rows() })).rejects.toThrow('the source broke');
  expect(await duckdb(`SELECT n FROM '${path}'`)).toEqual([{ n: '1' }]);
  expect(readdirSync(folder)).toEqual(['file.parquet']);
});

test('a folder that is missing, or in the place of the file, is a system error that leaves nothing', async () => {
  const folder = temporaryFolder();
  const write = (path: string) => writeSmallParquet(path, { columns: { n: 'int64' }, rows: [{ n: 1 }] });
  await expect(write(join(folder, 'missing/file.parquet'))).rejects.toMatchObject({ code: 'ENOENT' });
  mkdirSync(join(folder, 'taken'));
  await expect(write(join(folder, 'taken'))).rejects.toMatchObject({ code: 'EISDIR' });
  expect(readdirSync(folder)).toEqual(['taken']);
});

test('a disk that is full is an error of the call, also for the first bytes, and leaves nothing', async context => {
  const disk = tinyDisk(context, 512);
  const write = (count: number) =>
    writeSmallParquet(join(disk, 'file.parquet'), {
      columns: { text: 'string' },
      rows: Array.from({ length: count }, () => ({ text: randomBytes(60).toString('base64') })),
    });
  await expect(write(20_000)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(readdirSync(disk)).toEqual([]);
  expect(() => writeFileSync(join(disk, 'ballast'), Buffer.alloc(1024 * 1024))).toThrow('ENOSPC');
  await expect(write(1)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(readdirSync(disk)).toEqual(['ballast']);
});

test('a value that has no text of bounded size is refused by its kind', async () => {
  let nested: unknown = 1;
  for (let i = 0; i < 100_000; i++) nested = [nested];
  const path = join(temporaryFolder(), 'a.parquet');
  for (const value of [nested, Object.create(null)])
    await expect(
      writeSmallParquet(path, { columns: { a: { type: 'string' } }, rows: [{ a: value as string }] }),
    ).rejects.toMatchObject({ code: 'VALUE_INVALID', message: expect.stringMatching(/a is an (array|object)/) });
});
