import { join } from 'node:path';
import { openCatalog, readParquet } from '@quantbot/storage';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { compactHot, inEveryPlace } from '../support/every-place.js';

const add = (bus: TestBus, table: string, select: string) => submit(bus, { select, schemaHint: `canon.${table}` });
const shown = 'CAST(n AS VARCHAR) AS n, typeof(n) AS n_type, CAST(d AS VARCHAR) AS d, typeof(d) AS d_type';

/** Conditions, and the rows of `canon.all` that they select. */
const conditions: [condition: string, rows: number][] = [
  ['n > 1.25', 3],
  ['n = 0.75', 0],
  ['n < 0.75', 0],
  ['n = 9007199254740992', 1],
  ['n IN (1, 1.5)', 3],
  ['isnan(n)', 1],
  ['n IS NULL', 1],
  ["d = '2026-01-02'", 2],
  ["d = '2026-01-02 00:00:01'", 0],
  ["d < '2026-01-02 00:00:01'", 3],
  ["d > '2026-01-02 00:00:00'", 2],
];

sampled('integers become DOUBLE and dates TIMESTAMP once a file needs it, without loss, in every place', async () => {
  const bus = makeTestBus({
    compaction: { hot_commits: 2, idle_s: 0.1 },
    canon: { tables: { newest: { mode: 'upsert', key: ['n'], order_by: ['d'] } } },
  });
  await drain(bus);
  const integers =
    "SELECT unnest([1, 9007199254740992, NULL]) AS n, unnest([DATE '2026-01-02', '-infinity', NULL]) AS d";
  for (const table of ['all', 'newest'])
    await add(bus, table, table === 'all' ? integers : `FROM (${integers}) WHERE n IS NOT NULL`);
  await drain(bus);
  // The integers are compacted before the column widens.
  await compactHot(bus);
  const reader = await startHoldingReader(bus);
  // In one batch with an integer and a date that fit the widened columns.
  const floats = (type: string) => `SELECT unnest(['1.5', 'NaN']::DOUBLE[]) AS n, ${type} '2026-01-02 03:04:05' AS d`;
  for (const table of ['all', 'newest']) {
    await add(bus, table, floats(table === 'all' ? 'TIMESTAMP_NS' : 'TIMESTAMP'));
    await add(bus, table, "SELECT 1::BIGINT AS n, DATE '2026-01-02' AS d");
    await add(bus, table, 'SELECT 9007199254740993 AS n');
  }
  await drain(bus);
  expect(await reader.query('SELECT sum(n)::VARCHAR AS sum FROM canon.all')).toEqual([{ sum: '9007199254740993' }]);
  await reader.close();
  const ingested = `SELECT count(*)::INTEGER AS n FROM catalog.artifacts_f
    WHERE seq > 5 AND schema_hint IN ('canon.all', 'canon.newest')`;
  const exported = join(bus.config.export.exportDir, 'all.parquet');
  const same = async () => {
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    expect(await catalog.query(ingested)).toEqual([{ n: 4 }]);
    expect(await catalog.query(`SELECT ${shown} FROM canon.all ORDER BY _seq, n NULLS LAST`)).toEqual([
      { n: '1.0', n_type: 'DOUBLE', d: '2026-01-02 00:00:00', d_type: 'TIMESTAMP' },
      { n: '9007199254740992.0', n_type: 'DOUBLE', d: '-infinity', d_type: 'TIMESTAMP' },
      { n: null, n_type: 'DOUBLE', d: null, d_type: 'TIMESTAMP' },
      { n: '1.5', n_type: 'DOUBLE', d: '2026-01-02 03:04:05', d_type: 'TIMESTAMP' },
      { n: 'nan', n_type: 'DOUBLE', d: '2026-01-02 03:04:05', d_type: 'TIMESTAMP' },
      { n: '1.0', n_type: 'DOUBLE', d: '2026-01-02 00:00:00', d_type: 'TIMESTAMP' },
    ]);
    for (const [condition, n] of conditions)
      expect(await catalog.query(`SELECT count(*) AS n FROM canon.all WHERE ${condition}`), condition).toEqual([{ n }]);
    // The key 1 came as an integer twice; the second one has no later d, but came last.
    expect(await catalog.query('SELECT n::VARCHAR AS n, _seq FROM canon.newest ORDER BY n')).toEqual([
      { n: '1.0', _seq: expect.any(Number) },
      { n: '1.5', _seq: expect.any(Number) },
      { n: '9007199254740992.0', _seq: 2 },
      { n: 'nan', _seq: expect.any(Number) },
    ]);
    const past = await catalog.asOf(2);
    expect(await past.query(`SELECT ${shown} FROM canon.all ORDER BY n NULLS LAST LIMIT 2`)).toEqual([
      { n: '1.0', n_type: 'DOUBLE', d: '2026-01-02 00:00:00', d_type: 'TIMESTAMP' },
      { n: '9007199254740992.0', n_type: 'DOUBLE', d: '-infinity', d_type: 'TIMESTAMP' },
    ]);
    await past.close();
    const rows = await readParquet(exported, { columns: ['n'] });
    expect(rows.map(({ n }) => n)).toEqual([1, 9007199254740992, null, 1.5, Number.NaN, 1]);
    expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  };
  await inEveryPlace(bus, same);
});
