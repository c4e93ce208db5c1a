import { chmodSync, copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runIn } from '@quantbot/tooling-testing/old-database';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const views = [
  { name: 'main.numbers', sql: 'SELECT CAST(n AS INTEGER) AS n FROM canon.numbers -- as before' },
  { name: 'main.broken', sql: 'SELECT nothing FROM canon.numbers' },
  { name: 'main.two', sql: 'SELECT 1; DROP VIEW canon.numbers' },
  { name: 'main.outside', sql: "SELECT * FROM read_csv('/etc/passwd')" },
  { name: 'canon.numbers', sql: 'SELECT 1 AS n' },
  { name: 'research.my.sum', sql: 'SELECT sum(n) AS s FROM numbers' },
];

async function busWithViews(): Promise<TestBus> {
  const bus = makeTestBus({ publish: { views } });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  return bus;
}

test('views of the configuration answer beside the bus’s own; those that cannot be made stop nothing, and the catalog says why', async () => {
  const bus = await busWithViews();
  expect(await query(bus, 'SELECT n, typeof(n) AS t FROM numbers ORDER BY n LIMIT 1')).toEqual([
    { n: 0, t: 'INTEGER' },
  ]);
  expect(await query(bus, 'SELECT CAST(s AS INTEGER) AS s FROM research."my.sum"')).toEqual([{ s: 3 }]);
  expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 3 }]);
  const found = await query(bus, 'SELECT name, ok, error FROM catalog.views_d');
  expect(found).toEqual([
    { name: 'main.numbers', ok: true, error: null },
    { name: 'main.broken', ok: false, error: expect.stringContaining('nothing') },
    { name: 'main.two', ok: false, error: expect.stringContaining('exactly one SELECT') },
    { name: 'main.outside', ok: false, error: expect.stringContaining('may not read') },
    { name: 'canon.numbers', ok: false, error: expect.stringContaining('already exists') },
    { name: 'research.my.sum', ok: true, error: null },
  ]);
});

sampled('a view whose table is not there yet comes with it, while the daemon runs', async () => {
  const bus = makeTestBus({ publish: { views } });
  const daemon = await startDaemon(bus);
  expect(await daemon.logged('publish.views could not be created')).toMatchObject({
    problems: expect.arrayContaining([expect.stringContaining('main.numbers: ')]),
  });
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  expect(await query(bus, 'SELECT count(*) AS n FROM numbers')).toEqual([{ n: 3 }]);
  await daemon.stop();
});

sampled('SHOW TABLES lists the canonical tables and the catalog, and follows the columns of a table', async () => {
  const bus = makeTestBus({ publish: { views: [{ name: 'main.Runs', sql: 'SELECT 7 AS mine' }] } });
  await drain(bus);
  const plain = ['aliases', 'artifacts', 'datasets', 'exports', 'jobs', 'latest_artifacts', 'lineage'];
  const shown = async () => (await query(bus, 'SHOW TABLES')).map(({ name }) => name);
  expect(await shown()).toEqual(['Runs', ...plain].sort());
  await submit(bus, { schemaHint: 'canon.numbers' });
  await submit(bus, { schemaHint: 'canon.jobs', runId: 'r2' });
  await drain(bus);
  expect(await shown()).toEqual(['Runs', ...plain, 'numbers'].sort());
  expect(await query(bus, 'SELECT n FROM jobs ORDER BY n')).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  expect(await query(bus, 'FROM numbers ORDER BY n')).toEqual(await query(bus, 'FROM canon.numbers ORDER BY n'));
  expect(await query(bus, 'SELECT run_id FROM artifacts')).toHaveLength(2);
  await submit(bus, { schemaHint: 'canon.numbers', runId: 'r3', select: "SELECT 1.5::DOUBLE AS n, 'x' AS more" });
  await drain(bus);
  expect(await query(bus, 'SELECT n, more FROM numbers WHERE more IS NOT NULL')).toEqual([{ n: 1.5, more: 'x' }]);
});

sampled('a copy of a database with such views, put back, is the bus’s own; one with another view is not', async () => {
  const bus = await busWithViews();
  const copy = join(bus.folder, 'copy.duckdb');
  copyFileSync(bus.config.duckdbPath, copy);
  rmSync(bus.config.duckdbPath);
  renameSync(copy, bus.config.duckdbPath);
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2 }));
  await drain(bus);
  expect(await query(bus, 'SELECT typeof(n) AS t FROM numbers LIMIT 1')).toEqual([{ t: 'BIGINT' }]); // the bus's own
  copyFileSync(bus.config.duckdbPath, copy);
  rmSync(bus.config.duckdbPath);
  chmodSync(copy, 0o644);
  await runIn(copy, 'CREATE VIEW mine AS SELECT 42 AS answer');
  renameSync(copy, bus.config.duckdbPath);
  await drain(bus);
  expect(await query(bus, 'SELECT answer FROM mine')).toEqual([{ answer: 42 }]);
});

sampled('a view in a schema of the bus’s own, or named twice, is a mistake in the configuration', async () => {
  const bus = makeTestBus();
  const bad = [
    { name: 'catalog.mine', sql: 'SELECT 1' },
    { name: 'plain', sql: 'SELECT 1' },
    { name: 'main.A', sql: 'SELECT 1' },
    { name: 'main.a', sql: 'SELECT 1' },
  ];
  writeFileSync(bus.configPath, JSON.stringify({ publish: { views: bad } }));
  const { code, stderr } = await quantbotBus(bus, 'status');
  expect(code).toBe(1);
  expect(stderr).toMatch(/CONFIG_INVALID/);
  expect(stderr).toContain("publish.views.0.name: is in a schema that is the bus's own");
  expect(stderr).toContain('publish.views.1.name: must be a schema and a name');
});
