import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { answers, askThreeTimes, commit, fileOf } from '../../../test/support/foreign-file.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';

test.each([
  ['INT32', 4, [65_541, 1], 9_999, true],
  ['INT32', 4, [65_541, 1], 9_999, false],
  ['INT32', 9, [1_500_000_000, 1], 999_999_999, false],
  ['INT64', 9, [2n ** 40n + 5n, 1n], 999_999_999n, false],
] as const)(
  'a DECIMAL in %s that has more digits than its %i is refused with the column',
  async (type, precision, values, most, statistics) => {
    const { bus } = await openInProcess();
    const of = (data: readonly unknown[]) => {
      const element = { ...{ name: 'x', repetition_type: 'REQUIRED' as const, type }, precision, scale: 0 };
      const schema: SchemaElement[] = [
        { name: 'schema', num_children: 1 },
        { ...element, converted_type: 'DECIMAL' },
      ];
      const columnData = [{ name: 'x', data: data as never }];
      return new Uint8Array(parquetWriteBuffer({ columnData, schema, statistics }));
    };
    expect(await commit(bus, of(values))).toEqual({
      code: 'COLUMN_UNSUPPORTED',
      details: [expect.stringMatching(/^x: .* more digits than its type.*; write a type with enough digits/)],
    });
    expect(await commit(bus, of([most, -Number(most)]))).toBeUndefined();
    expect(await askThreeTimes(bus, 'SELECT max(x)::VARCHAR AS x FROM canon.t')).toEqual(answers({ x: `${most}` }));
  },
);

const optional = { repetition_type: 'OPTIONAL' } as const;
/** Ways to nest values in one column `x`: the elements above the leaf, and a value of a row. */
const nestings: [string, SchemaElement[], (value: unknown) => unknown][] = [
  ['a struct', [{ ...optional, name: 'x', num_children: 1 }], value => ({ leaf: value })],
  [
    'a list of structs',
    [
      { ...optional, name: 'x', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { ...optional, name: 'element', num_children: 1 },
    ],
    value => [{ leaf: value }, { leaf: value }],
  ],
  [
    'a map',
    [
      { ...optional, name: 'x', num_children: 1, converted_type: 'MAP' },
      { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
      { name: 'key', repetition_type: 'REQUIRED', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    ],
    value => ({ one: value }),
  ],
];
const timeOf = (unit: 'MILLIS' | 'MICROS'): Partial<SchemaElement> => ({
  converted_type: `TIME_${unit}`,
  logical_type: { type: 'TIME', isAdjustedToUTC: true, unit },
});
/** Elements, a value that is not kept, and one that is. */
const unkept: [string, Partial<SchemaElement>, unknown, unknown][] = [
  ['a DECIMAL', { type: 'INT32', converted_type: 'DECIMAL', precision: 4, scale: 0 }, 65_541, 9_999],
  ['a DECIMAL', { type: 'INT64', converted_type: 'DECIMAL', precision: 18, scale: 0 }, 10n ** 18n, 10n ** 17n],
  ['an integer', { type: 'INT32', converted_type: 'INT_8' }, 300, -128],
  ['an integer', { type: 'INT32', converted_type: 'UINT_16' }, 65_536, 65_535],
  ['a time', { type: 'INT32', ...timeOf('MILLIS') }, -1, 86_399_999],
  ['a time', { type: 'INT64', ...timeOf('MICROS') }, 86_400_000_001n, 0n],
  ['a time', { type: 'INT64', ...timeOf('MICROS') }, 86_400_000_000n, 86_399_999_999n],
  ['a date', { type: 'INT32', converted_type: 'DATE' }, -2_147_483_648, -2_147_483_647],
  ['a moment', { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' }, -(2n ** 63n) + 2n, 1n - 2n ** 63n],
];

test.each(nestings)('values that DuckDB does not hold are refused in %s', async (_, above, nest) => {
  const { bus } = await openInProcess();
  for (const [_, element, bad, good] of unkept) {
    const leaf = { ...optional, ...element, name: above.at(-1)?.name === 'key' ? 'value' : 'leaf' };
    const schema: SchemaElement[] = [{ name: 'schema', num_children: 1 }, ...above, leaf];
    const of = (...values: unknown[]) => {
      const columnData = [{ name: 'x', data: values as never }];
      return new Uint8Array(parquetWriteBuffer({ columnData, schema, statistics: false }));
    };
    expect(await commit(bus, of(nest(bad), nest(good), null))).toEqual({
      code: 'COLUMN_UNSUPPORTED',
      details: [expect.stringMatching(/^x: (an? |has a )/)],
    });
    expect(await commit(bus, of(nest(good), null), `canon.t${unkept.findIndex(one => one[1] === element)}`)).toBe(
      undefined,
    );
  }
});

test.each([
  ['a MAP', 0],
  ['a MAP in a list of structs', 1],
])('a key that is NULL is refused in %s', async (_, isNested) => {
  const { bus } = await openInProcess();
  const above = (nestings[1]?.[1] ?? []).slice(0, isNested * 3);
  const map = [
    { ...optional, name: isNested ? 'leaf' : 'x', num_children: 1, converted_type: 'MAP' as const },
    { name: 'key_value', repetition_type: 'REPEATED' as const, num_children: 2 },
    { ...optional, name: 'key', type: 'INT32' as const },
    { ...optional, name: 'value', type: 'INT32' as const },
  ];
  const of = (...keys: (number | null)[]) => {
    const pairs = keys.map(key => ({ key, value: 1 }));
    const data = [isNested ? [{ leaf: pairs }, null] : pairs, null];
    const schema: SchemaElement[] = [{ name: 'schema', num_children: 1 }, ...above, ...map];
    return new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'x', data: data as never }], schema }));
  };
  expect(await commit(bus, of(1, null))).toEqual({
    code: 'COLUMN_UNSUPPORTED',
    details: [expect.stringMatching(/^x: a MAP with a key that is NULL, .* in 1 of 2 rows$/)],
  });
  expect(await commit(bus, of(1, 2))).toBeUndefined();
  expect(await commit(bus, of())).toBeUndefined();
});

test('nanoseconds before the first moment that DuckDB prints are refused with the column, whatever the table has', async () => {
  const { bus } = await openInProcess();
  const nanoseconds = {
    type: 'INT64',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'NANOS' },
  } as const;
  const kept = [-9_223_372_036_854_775_807n, -9_223_286_400_000_000_000n, null, 1n, 9_223_372_036_854_775_807n];
  const refusals = async () => {
    for (const early of [-9_223_286_400_000_000_001n, -9_223_372_036_854_775_808n])
      expect(await commit(bus, fileOf([...kept, early], nanoseconds as never))).toEqual({
        code: 'COLUMN_UNSUPPORTED',
        details: [expect.stringMatching(/^x: a moment before 1677-09-22, .* in 1 of 6 rows$/)],
      });
  };
  await refusals();
  expect(await commit(bus, fileOf(kept, nanoseconds as never))).toBeUndefined();
  await refusals();
  const texts = "string_agg(x::VARCHAR, ' ' ORDER BY x) AS x";
  const integers = 'list(epoch_ns(x)::VARCHAR ORDER BY x) FILTER (x IS NOT NULL) AS n';
  expect(await askThreeTimes(bus, `SELECT ${texts}, ${integers} FROM canon.t`)).toEqual(
    answers({
      x: '-infinity 1677-09-22 00:00:00 1970-01-01 00:00:00.000000001 infinity',
      n: kept.filter(moment => moment !== null).map(String),
    }),
  );
});

test('a text that is not valid UTF-8 is refused with the column and what to write', async () => {
  const { bus } = await openInProcess();
  const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
  expect(await commit(bus, fileOf([Buffer.from('caf\xe9', 'latin1'), Buffer.from('a')], text))).toEqual({
    code: 'COLUMN_UNSUPPORTED',
    details: [
      'x: has a text that is not valid UTF-8; write the text in UTF-8, or the bytes as BLOB (plain BYTE_ARRAY)',
    ],
  });
});

/** Replaces bytes of a file that stand for a type, because no writer at hand writes the other. */
function retyped(file: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array {
  const bytes = Buffer.from(file);
  const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const [before, after] = [Buffer.from(from), Buffer.from(to)];
  for (let at = bytes.indexOf(before, footer); at >= 0; at = bytes.indexOf(before, at + 1)) after.copy(bytes, at);
  return new Uint8Array(bytes);
}

test('a text that is no JSON is refused with the column', async () => {
  const { bus } = await openInProcess();
  const [utf8, json] = [0, 19].map(converted => [0x78, 0x25, 2 * converted]);
  const of = (text: string) => retyped(fileOf([text], { type: 'BYTE_ARRAY', converted_type: 'UTF8' }), utf8!, json!);
  expect(await commit(bus, of('none'))).toEqual({
    code: 'COLUMN_UNSUPPORTED',
    details: ['x: has a text that is no JSON; write JSON, or the text as STRING'],
  });
  expect(await commit(bus, of('{"a": 1}'))).toBeUndefined();
});

test('an INT96 of a day that DuckDB does not have is refused with the column', async () => {
  const { bus } = await openInProcess();
  const [fixed, int96] = [7, 3].map(type => [0x15, 2 * type]);
  const of = (day: number) => {
    const value = Buffer.alloc(12);
    value.writeInt32LE(day, 8);
    return retyped(fileOf([value], { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 12 }), fixed!, int96!);
  };
  for (const day of [2 ** 31 - 1, -(2 ** 31)])
    expect(await commit(bus, of(day))).toEqual({
      code: 'COLUMN_UNSUPPORTED',
      details: [expect.stringMatching(/^x: has nanoseconds, or a day that DuckDB does not have/)],
    });
  expect(await commit(bus, of(0))).toBeUndefined();
  expect(await askThreeTimes(bus, 'SELECT x::VARCHAR AS x FROM canon.t')).toEqual(
    answers({ x: '4714-11-24 (BC) 00:00:00' }),
  );
});

test('a date before the first that DuckDB takes as text is refused with the column', async () => {
  const { bus } = await openInProcess();
  const date = { type: 'INT32', converted_type: 'DATE' } as const;
  expect(await commit(bus, fileOf([-2_147_483_648, 0], date))).toEqual({
    code: 'COLUMN_UNSUPPORTED',
    details: [
      expect.stringMatching(/^x: a date before 5877642-06-25 BC, whose own text DuckDB does not take in 1 of 2/),
    ],
  });
  expect(await commit(bus, fileOf([-2_147_483_647, -2_147_483_646, null], date))).toBeUndefined();
});

test.each([true, false])(
  'microseconds before the first moment that DuckDB prints are refused, with a zone: %s',
  async isUtc => {
    const { bus } = await openInProcess();
    const micros = { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: isUtc, unit: 'MICROS' } };
    const element = { ...micros, converted_type: 'TIMESTAMP_MICROS' } as never;
    const kept = [-9_223_372_036_854_775_807n, -9_223_372_022_400_000_000n, null, 9_223_372_036_854_775_806n];
    expect(await commit(bus, fileOf([...kept, -9_223_372_022_400_000_001n], element))).toEqual({
      code: 'COLUMN_UNSUPPORTED',
      details: [expect.stringMatching(/^x: a moment before 290309-12-22 BC, .* in 1 of 5 rows$/)],
    });
    expect(await commit(bus, fileOf(kept, element))).toBeUndefined();
    const sql =
      'SELECT list(coalesce(epoch_us(x)::VARCHAR, x::VARCHAR) ORDER BY x) FILTER (x IS NOT NULL) AS x FROM canon.t';
    const later = kept.slice(1).flatMap(moment => (moment === null ? [] : [String(moment)]));
    expect(await askThreeTimes(bus, sql)).toEqual(answers({ x: ['-infinity', ...later] }));
  },
);

test('a time that is not within a day is refused with the column', async () => {
  const { bus } = await openInProcess();
  const time = { type: 'INT64', converted_type: 'TIME_MICROS' } as const;
  const ends = [0n, 86_400_000_000n];
  for (const wrong of [-1n, 86_400_000_001n])
    expect(await commit(bus, fileOf([...ends, wrong], time))).toEqual({
      code: 'COLUMN_UNSUPPORTED',
      details: [expect.stringMatching(/^x: a time that is not .* in 1 of 3 rows/)],
    });
  expect(await commit(bus, fileOf(ends, time))).toBeUndefined();
  expect(await askThreeTimes(bus, "SELECT string_agg(x::VARCHAR, ' ' ORDER BY x) AS x FROM canon.t")).toEqual(
    answers({ x: '00:00:00 24:00:00' }),
  );
});
