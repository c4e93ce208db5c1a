import { join } from 'node:path';
import type { JobRejectedError } from '@quantbot/infra/utils';
import { openCatalog, readParquet } from '@quantbot/storage';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { compactHot, inEveryPlace } from '../support/every-place.js';

const at = "'2026-01-02 03:04:05.678901'";

/** One row of each of these types: that of the table, and another one that holds the same value. */
const values: [name: string, table: string, file: string][] = [
  ['micro', `TIMESTAMP ${at}`, `TIMESTAMP_NS ${at}`],
  ['nano', `TIMESTAMP_NS ${at}`, `TIMESTAMP ${at}`],
  ['day', "TIMESTAMP '2026-01-02'", "DATE '2026-01-02'"],
  ['price', '9007199254740992::DOUBLE', '9007199254740992::BIGINT'],
  ['id', '9223372036854775807::BIGINT', '9223372036854775807::UBIGINT'],
  ['size', '9223372036854775807::UBIGINT', '9223372036854775807::BIGINT'],
  ['whole', '9007199254740992::BIGINT', '9007199254740992::DOUBLE'],
  ['whole_unsigned', '16777216::UBIGINT', '16777216::FLOAT'],
  ['small', '1::INTEGER', '1::BIGINT'],
  ['amount', '1.25::DECIMAL(9,2)', '1.2500::DECIMAL(18,4)'],
];

/** Columns with a value of one type, then only NULL of another. */
const nulls: [name: string, table: string, file: string][] = [
  ['label', "'a'", 'NULL::DOUBLE'],
  ['whole', '1', 'NULL::DOUBLE'],
  ['moment', `TIMESTAMP ${at}`, 'NULL::INTEGER'],
  ['list', '[1]', 'NULL::VARCHAR'],
];
const declared = { small: { type: 'INTEGER' }, amount: { type: 'DECIMAL(9,2)' } };
/** A TIMESTAMP_NS cannot be declared. */
const key = values.filter(([name]) => name !== 'nano');
const allDeclared = {
  ...Object.fromEntries(key.map(([name, table]) => [name, { type: /^TIMESTAMP|\w+$/.exec(table)?.[0] }])),
  ...declared,
};
const names = values.map(([name]) => name);
const rowOf = (which: 1 | 2) => `SELECT ${values.map(value => `${value[which]} AS ${value[0]}`).join(', ')}`;
const asText = names.map(name => `CAST(${name} AS VARCHAR) AS ${name}`).join(', ');
const types = names.map(name => `typeof(${name}) AS ${name}_type`).join(', ');

const rowsOf = async (bus: TestBus, table: string, seq?: number) => {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const past = seq === undefined ? catalog : await catalog.asOf(seq);
  try {
    return await past.query(`SELECT ${asText}, ${types} FROM canon.${table} ORDER BY _seq`);
  } finally {
    if (seq !== undefined) await past.close();
  }
};

const add = (bus: TestBus, table: string, select: string) => submit(bus, { select, schemaHint: `canon.${table}` });

sampled(
  'values of other types that fit are the same in every place and at every time: hot, compacted, rebuilt, exported, as of',
  async () => {
    const upsert = { mode: 'upsert', key: key.map(([name]) => name), order_by: ['micro'], columns: allDeclared };
    const bus = makeTestBus({
      compaction: { hot_commits: 2, idle_s: 0.1 },
      canon: { tables: { all: { columns: declared }, newest: upsert } },
    });
    // In one batch: the second job must find the types that the first one fixes.
    await drain(bus);
    for (const table of ['all', 'newest']) for (const which of [1, 2] as const) await add(bus, table, rowOf(which));
    await drain(bus);
    const [first, second, ...more] = await rowsOf(bus, 'all');
    expect([first, more]).toEqual([second, []]);
    expect(first).toMatchObject({ micro: '2026-01-02 03:04:05.678901', price: '9007199254740992.0', amount: '1.25' });
    expect(first).toMatchObject({ micro_type: 'TIMESTAMP', day_type: 'TIMESTAMP', nano_type: 'TIMESTAMP_NS' });
    const same = async () => {
      expect(await rowsOf(bus, 'all')).toEqual([first, first]);
      expect(await rowsOf(bus, 'newest')).toEqual([first]);
      expect(await rowsOf(bus, 'all', 1)).toEqual([first]);
      expect(await rowsOf(bus, 'newest', 4)).toEqual([first]);
      const exported = await readParquet(join(bus.config.export.exportDir, 'all.parquet'), {
        columns: names,
        decimal: 'number',
        int64: 'bigint',
        timestamp: 'nanos',
      });
      expect(exported).toHaveLength(2);
      expect(exported[0]).toEqual(exported[1]);
      expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
    };
    await same();
    // Each is compacted, together and alone.
    for (const which of [2, 1, 2] as const) {
      await add(bus, 'other', rowOf(which));
      await drain(bus);
    }
    await same();
    expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
    await same();
  },
);

test.each([
  [
    "TIMESTAMP '2026-01-01'",
    "unnest(['2026-01-01', '2026-01-02 00:00:00.000000001']::TIMESTAMP_NS[])",
    '2026-01-02 00:00:00.000000001',
  ],
  ['1.5::DOUBLE', 'unnest([1, 9007199254740993, 9007199254740995])', '9007199254740993'],
  ['9007199254740993', 'unnest([1, NULL, 2.5, 3.5]::DOUBLE[])', '2.5'],
])('the first value that does not fit is named: %s', async (table, file, value) => {
  const bus = makeTestBus();
  await startDaemon(bus);
  await (await add(bus, 't', `SELECT ${table} AS x`)).settled();
  const good = await add(bus, 't', `SELECT ${file} AS x LIMIT 1`);
  const bad = await add(bus, 't', `SELECT ${file} AS x`);
  await good.settled();
  const error = await bad.settled().then(
    () => Promise.reject(new Error('it was not rejected')),
    (thrown: JobRejectedError) => thrown,
  );
  expect(error.code).toBe('SCHEMA_MISMATCH');
  expect(error.details).toEqual([
    expect.stringMatching(new RegExp(`^x: expected .*; the first value that is no \\w+: ${value}$`)),
  ]);
  expect(error.hint).toContain('in polars, ');
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  expect(await catalog.query('SELECT count(*) AS n FROM canon.t')).toEqual([{ n: 2 }]);
});

sampled('a column with only NULL fits, whatever its type is: hot, compacted and rebuilt', async () => {
  const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1 } });
  const select = (which: 1 | 2) =>
    `SELECT ${nulls.map(column => `${column[which]} AS ${column[0]}`).join(', ')} FROM range(3000)`;
  await drain(bus);
  await add(bus, 't', select(1));
  await drain(bus);
  await add(bus, 't', select(2));
  await drain(bus);
  const same = async () => {
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    const counts = nulls.map(([name]) => `CAST(count(${name}) AS INTEGER) AS ${name}`).join(', ');
    expect(await catalog.query(`SELECT ${counts}, count(*) AS n FROM canon.t`)).toEqual([
      { ...Object.fromEntries(nulls.map(([name]) => [name, 3000])), n: 6000 },
    ]);
    expect(await readParquet(join(bus.config.export.exportDir, 't.parquet'))).toHaveLength(6000);
    expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  };
  await inEveryPlace(bus, same);
});

/** Columns that have only NULL of one type at first, then a value of another. */
const opened: [name: string, file: string, value: string, shown: string][] = [
  ['label', 'NULL::DOUBLE', "'a'", 'a'],
  ['moment', 'NULL::DOUBLE', `TIMESTAMP ${at}`, '2026-01-02 03:04:05.678901'],
  ['whole', 'NULL::VARCHAR', '9007199254740993', '9007199254740993'],
  ['list', 'NULL::BIGINT', '[1]', '[1]'],
  ['bytes', 'NULL::TIMESTAMP', "'a'::BLOB", 'a'],
  ['id', 'NULL::DOUBLE', '1::BIGINT', '1'],
];

sampled(
  'a column whose files had only NULL, or no rows, takes the type of the first value: in every place',
  async () => {
    const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1 } });
    await drain(bus);
    const row = (which: 1 | 2, rows: number) =>
      `SELECT ${opened.map(column => `${column[which]} AS ${column[0]}`).join(', ')} FROM range(${rows})`;
    for (const [table, rows] of Object.entries({ nulls: 3000, empty: 0, compacted: 3000 }))
      await add(bus, table, row(1, rows));
    await drain(bus);
    await compactHot(bus);
    for (const table of ['nulls', 'empty', 'compacted']) await add(bus, table, row(2, 1));
    // In one batch with the file that has only NULL.
    for (const which of [1, 2] as const) await add(bus, 'at_once', row(which, 2));
    await drain(bus);
    await add(bus, 'nulls', row(1, 1));
    await drain(bus);
    const same = async () => {
      await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
      const asText = opened.map(([name]) => `CAST(${name} AS VARCHAR) AS ${name}`).join(', ');
      const expected = Object.fromEntries(opened.map(([name, , , shown]) => [name, shown]));
      for (const table of ['nulls', 'empty', 'compacted', 'at_once']) {
        const rows = await catalog.query(`SELECT DISTINCT ${asText} FROM canon.${table} WHERE label = 'a'`);
        expect(rows, table).toEqual([expected]);
      }
      expect(await catalog.query('SELECT count(*)::INTEGER AS n FROM canon.nulls WHERE moment IS NULL')).toEqual([
        { n: 3001 },
      ]);
      expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
    };
    await inEveryPlace(bus, same);
    const late = await add(bus, 'nulls', 'SELECT 1.5::DOUBLE AS label');
    await drain(bus);
    await expect(late.settled()).rejects.toMatchObject({
      details: [expect.stringContaining('label: expected VARCHAR')],
    });
  },
);

sampled('new fields of structs are taken, NULL where a file lacks them, in every place', async () => {
  const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1 } });
  await drain(bus);
  await add(bus, 't', "SELECT 1 AS id, {a: 1.5::DOUBLE} AS x, [{k: 'one'}] AS l");
  await drain(bus);
  const reader = await startHoldingReader(bus);
  await add(bus, 't', "SELECT 2 AS id, {b: 'new', a: 2.5::DOUBLE} AS x, [{k: 'two', n: 7}, NULL] AS l");
  await add(bus, 't', "SELECT 3 AS id, {b: 'only'} AS x, [] ::STRUCT(k VARCHAR)[] AS l");
  await drain(bus);
  // An older view still reads what it knows.
  expect(await reader.query('SELECT id, x.a AS a FROM canon.t')).toEqual([{ id: '1', a: 1.5 }]);
  await reader.close();
  const rows = [
    { id: 1, x: { a: 1.5, b: null }, l: [{ k: 'one', n: null }] },
    { id: 2, x: { a: 2.5, b: 'new' }, l: [{ k: 'two', n: 7 }, null] },
    { id: 3, x: { a: null, b: 'only' }, l: [] },
  ];
  const same = async () => {
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    expect(await catalog.query('SELECT id, x, l FROM canon.t ORDER BY id')).toEqual(rows);
    const past = await catalog.asOf(1);
    expect(await past.query('SELECT id, x, l FROM canon.t')).toEqual(rows.slice(0, 1));
    await past.close();
    const exported = join(bus.config.export.exportDir, 't.parquet');
    expect(await readParquet(exported, { columns: ['id', 'x', 'l'], orderBy: 'id' })).toEqual(rows);
    expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  };
  await inEveryPlace(bus, same);
});
