import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobRejectedError } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, launchDaemon, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const prices = {
  mode: 'upsert',
  key: ['symbol'],
  order_by: ['at'],
  columns: {
    symbol: { type: 'varchar' },
    at: { type: 'TIMESTAMP', not_null: true },
    price: { type: 'decimal(18, 4)' },
  },
};

const price = (symbol: string | null, at: string | null, value: string, cast = 'DECIMAL(18,4)') =>
  `SELECT CAST(${symbol === null ? 'NULL' : `'${symbol}'`} AS VARCHAR) AS symbol, CAST(${at === null ? 'NULL' : `'${at}'`} AS TIMESTAMP) AS at, CAST(${value} AS ${cast}) AS price`;

const rejectionOf = async (bus: TestBus, select: string): Promise<JobRejectedError> =>
  (await submit(bus, { select, schemaHint: 'canon.prices' })).settled().then(
    () => Promise.reject(new Error('it was not rejected')),
    error => error as JobRejectedError,
  );

test('a declared table is there before its first artifact, and so is its golden export', async () => {
  const bus = makeTestBus({ canon: { auto_register: false, tables: { Prices: prices } } });
  await drain(bus);
  expect(await query(bus, 'SELECT * FROM canon.prices')).toEqual([]);
  expect(await query(bus, 'SELECT column_name, type, required, fixed_by FROM catalog.columns_d')).toEqual([
    { column_name: 'symbol', type: 'VARCHAR', required: true, fixed_by: 'bus_config.json' },
    { column_name: 'at', type: 'TIMESTAMP', required: true, fixed_by: 'bus_config.json' },
    { column_name: 'price', type: 'DECIMAL(18,4)', required: false, fixed_by: 'bus_config.json' },
  ]);
  expect(await readParquet(join(bus.config.export.exportDir, 'prices.parquet'))).toEqual([]);
});

test('upsert shows the newest row of each key, in the table and in its export, with where it comes from', async () => {
  const bus = makeTestBus({ canon: { tables: { prices } } });
  await startDaemon(bus);
  const first = `${price('A', '2026-01-01', '1')} UNION ALL ${price('B', '2026-01-05', '2')}`;
  await (await submit(bus, { runId: 'r1', select: first, schemaHint: 'canon.prices' })).settled();
  const second = `${price('A', '2026-01-02', '3')} UNION ALL ${price('B', '2026-01-04', '4')}`;
  await (await submit(bus, { runId: 'r2', select: second, schemaHint: 'canon.prices' })).settled();
  const rows = [
    { symbol: 'A', price: '3.0000', _artifact_key: 'r2/tests/numbers/numbers' },
    { symbol: 'B', price: '2.0000', _artifact_key: 'r1/tests/numbers/numbers' },
  ];
  expect(await query(bus, 'SELECT symbol, price, _artifact_key FROM canon.prices ORDER BY symbol')).toEqual(rows);
  const exported = join(bus.config.export.exportDir, 'prices.parquet');
  await eventually(
    async () =>
      existsSync(exported)
        ? await readParquet(exported, { columns: ['symbol', 'price', '_artifact_key'], orderBy: 'symbol' })
        : [],
    found => JSON.stringify(found) === JSON.stringify(rows),
  );
  expect(
    await query(bus, 'SELECT mode, key, order_by, artifacts, artifact_rows, last_seq FROM catalog.tables_d'),
  ).toEqual([{ mode: 'upsert', key: ['symbol'], order_by: ['at'], artifacts: 2, artifact_rows: 4, last_seq: 2 }]);
});

test.each<[string, string, string]>([
  ['a NULL in a column that must have none', price('A', null, '1'), 'at: NULL in 1 of 1 rows'],
  ['a NULL in the key', price(null, '2026-01-01', '1'), 'symbol: NULL in 1 of 1 rows'],
  ['a file without the key', `SELECT TIMESTAMP '2026-01-01' AS at`, 'symbol: the file lacks this column'],
  [
    'a file with the key in other letters',
    `SELECT TIMESTAMP '2026-01-01' AS at, 'x' AS SYMBOL`,
    'symbol: the file writes this column SYMBOL',
  ],
  [
    'a type that does not fit what was declared',
    price('A', '2026-01-01', '1.00000001', 'DECIMAL(20,8)'),
    'price: expected DECIMAL(18,4) (fixed by bus_config.json), found DECIMAL(20,8)',
  ],
])('%s is a SCHEMA_MISMATCH that says so', async (_, select, detail) => {
  const bus = makeTestBus({ canon: { tables: { prices } } });
  await startDaemon(bus);
  const error = await rejectionOf(bus, select);
  expect(error.code).toBe('SCHEMA_MISMATCH');
  expect(error.details.join('\n')).toContain(detail);
  expect(await query(bus, 'SELECT * FROM canon.prices')).toEqual([]);
});

sampled(
  'when the configuration changes the mode of a table, the table follows at the next start, there and back',
  async () => {
    const modes = (table: object) => ({
      compaction: { hot_commits: 2, idle_s: 0.1 },
      canon: { tables: { prices: table } },
    });
    const bus = makeTestBus(modes({}));
    await drain(bus);
    for (const [run, value] of [
      ['r1', '1'],
      ['r2', '2'],
      ['r3', '3'],
    ] as const) {
      await submit(bus, { runId: run, select: price('A', '2026-01-01', value), schemaHint: 'canon.prices' });
      await drain(bus);
    }
    const shown = async () => (await query(bus, 'SELECT price FROM canon.prices ORDER BY price')).map(row => row.price);
    expect(await shown()).toEqual(['1.0000', '2.0000', '3.0000']);
    for (const [table, expected] of [
      [{ mode: 'latest' }, ['3.0000']],
      [{ mode: 'upsert', key: ['symbol'] }, ['3.0000']],
      [{ mode: 'upsert', key: ['price'] }, ['1.0000', '2.0000', '3.0000']],
      [{}, ['1.0000', '2.0000', '3.0000']],
    ] as const) {
      testBusIn(bus.folder, modes(table));
      await drain(bus);
      expect(await shown()).toEqual(expected);
    }
  },
);

sampled(
  'a declaration that does not fit what the table has already ends the start, and says what is there',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    await submit(bus, { select: price('A', '2026-01-01', '1'), schemaHint: 'canon.prices' });
    await drain(bus);
    writeFileSync(
      bus.configPath,
      JSON.stringify({ canon: { tables: { prices: { columns: { price: { type: 'BIGINT' } } } } } }),
    );
    const daemon = launchDaemon(bus);
    expect(await daemon.ended).toEqual({ code: 1, signal: null });
    expect(daemon.stderr()).toContain('CONFIG_INVALID');
    expect(daemon.stderr()).toContain('price: expected BIGINT (fixed by bus_config.json), found DECIMAL(18,4)');
  },
);
