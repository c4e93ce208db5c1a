import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renameTable } from '@quantbot/infra/utils';
import { openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';

const add = (bus: TestBus, run: string, table: string) =>
  submit(bus, {
    runId: run,
    kind: 't',
    artifactId: 't',
    schemaHint: `canon.${table}`,
    select: `SELECT '${run}' AS run`,
  });

/** Each canonical table that readers see, with its runs. */
async function tablesOf(bus: TestBus, seq = 1_000_000): Promise<Record<string, string[]>> {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  await using past = await catalog.asOf(seq);
  const found: Record<string, string[]> = {};
  for (const { table_name, artifacts } of await past.query('SELECT table_name, artifacts FROM catalog.tables_d')) {
    const rows = await past.query(`SELECT run FROM canon.${table_name} ORDER BY run`);
    found[String(table_name)] = rows.map(({ run }) => String(run));
    expect(Number(artifacts), `artifacts of ${table_name} as of ${seq}`).toBe(rows.length);
  }
  return found;
}

async function mustVerify(bus: TestBus): Promise<void> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'verify');
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
}

sampled('a table has its new name, its past the old one, and artifacts with the old hint go on to it', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  const exported = (name: string) => join(bus.config.export.exportDir, `${name}.parquet`);
  await drain(bus);
  await add(bus, 'a', 'alrets');
  await drain(bus);
  expect(existsSync(exported('alrets'))).toBe(true);
  const dry = await quantbotBus(bus, 'table', 'rename', 'canon.alrets', 'alerts', '--json');
  expect(JSON.parse(dry.stdout)).toEqual({
    applied: false,
    table: 'alrets',
    to: 'alerts',
    readers: ['export alrets, which becomes alerts'],
  });
  expect(await tablesOf(bus)).toEqual({ alrets: ['a'] });
  const done = await quantbotBus(bus, 'table', 'rename', 'alrets', 'Alerts', '--apply', '--reason', 'mistyped');
  expect(done).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('canon.alerts as of seq 2') });
  expect(await tablesOf(bus)).toEqual({ alerts: ['a'] });
  expect(existsSync(exported('alrets'))).toBe(false);
  expect(await readParquet(exported('alerts'))).toEqual([{ run: 'a', _seq: 1, _artifact_key: 'a/tests/t/t' }]);

  const old = await add(bus, 'b', 'alrets');
  const now = await add(bus, 'c', 'alerts');
  await drain(bus);
  expect((await old.settled()).warnings).toEqual([
    'canon.alrets was renamed to canon.alerts, so the rows are there. Write the schema hint canon.alerts.',
  ]);
  expect((await now.settled()).warnings).toBeUndefined();
  expect(await tablesOf(bus)).toEqual({ alerts: ['a', 'b', 'c'] });
  expect(await tablesOf(bus, 1)).toEqual({ alrets: ['a'] });
  expect(await tablesOf(bus, 3)).toEqual({ alerts: ['a', 'b'] });
  expect(await readParquet(exported('alerts'))).toHaveLength(3);
  await mustVerify(bus);
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  await mustVerify(bus);
  expect(await tablesOf(bus)).toEqual({ alerts: ['a', 'b', 'c'] });

  const back = await quantbotBus(bus, 'table', 'rename', 'alerts', 'alrets', '--apply');
  expect(back).toMatchObject({ code: 0, stderr: '' });
  await add(bus, 'd', 'alerts');
  await drain(bus);
  expect(await tablesOf(bus)).toEqual({ alrets: ['a', 'b', 'c', 'd'] });
  expect(await tablesOf(bus, 4)).toEqual({ alerts: ['a', 'b', 'c'] });
  await mustVerify(bus);
});

sampled('a name that another table gets leads to that table from then on', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  await add(bus, 'a', 'trades');
  await add(bus, 'b', 'trades_v2');
  await drain(bus);
  const rename = async (table: string, to: string) => {
    const [seq] = await Promise.allSettled([renameTable({ table, to }, { busRoot: bus.config.busRoot }), drain(bus)]);
    return seq.status;
  };
  expect(await rename('trades_v2', 'trades')).toBe('rejected');
  expect(await rename('trades', 'trades_old')).toBe('fulfilled');
  expect(await rename('trades_v2', 'trades')).toBe('fulfilled');
  for (const [run, table] of [
    ['c', 'trades'],
    ['d', 'trades_old'],
    ['e', 'trades_v2'],
  ] as const)
    await add(bus, run, table);
  await drain(bus);
  const now = { trades: ['b', 'c', 'e'], trades_old: ['a', 'd'] };
  expect(await tablesOf(bus)).toEqual(now);
  expect(await tablesOf(bus, 2)).toEqual({ trades: ['a'], trades_v2: ['b'] });
  expect(await tablesOf(bus, 4)).toEqual({ trades_old: ['a'], trades_v2: ['b'] });
  expect(await tablesOf(bus, 6)).toEqual({ trades_old: ['a'], trades: ['b', 'c'] });
  const trades = await readParquet(join(bus.config.export.exportDir, 'trades.parquet'));
  expect(trades.map(({ run }) => run)).toEqual(['b', 'c', 'e']);
  await mustVerify(bus);
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  expect(await tablesOf(bus)).toEqual(now);
  expect(await quantbotBus(bus, 'table', 'drop', 'trades', '--apply')).toMatchObject({ code: 0 });
  expect(await tablesOf(bus)).toEqual({ trades_old: ['a', 'd'] });
  const taken = await quantbotBus(bus, 'table', 'rename', 'trades_old', 'trades');
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('was dropped, and can be restored') });
  expect(await quantbotBus(bus, 'table', 'restore', 'trades')).toMatchObject({ code: 0 });
  expect(await tablesOf(bus)).toEqual(now);
  await mustVerify(bus);
});

sampled('a file that does not fit is told the name of today', async () => {
  const bus = makeTestBus({ export: { enabled: false } });
  await drain(bus);
  await submit(bus, { runId: 'a', schemaHint: 'canon.kyed', select: 'SELECT 1 AS id' });
  await drain(bus);
  for (const change of [
    ['set-mode', 'kyed', 'upsert', '--key', 'id'],
    ['rename', 'kyed', 'keyed'],
  ])
    expect(await quantbotBus(bus, 'table', ...change, '--apply')).toMatchObject({ code: 0 });
  const asked = await submit(bus, { runId: 'b', schemaHint: 'canon.kyed', select: 'SELECT NULL::INTEGER AS id' });
  await drain(bus);
  await expect(asked.settled()).rejects.toThrow(/does not fit canon\.keyed: /);
});

sampled('a table that waits, and rows that are left, are named by the name of today', async () => {
  const jobs = [{ name: 'own', sql: 'SELECT run AS r FROM canon.alerts' }];
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  await drain(bus);
  await add(bus, 'a', 'alrets');
  await drain(bus);
  expect(await quantbotBus(bus, 'table', 'rename', 'alrets', 'alerts', '--apply')).toMatchObject({ code: 0 });
  const later = await add(bus, 'b', 'alrets');
  testBusIn(bus.folder, { compaction: { release_grace_s: 0 }, export: { min_interval_s: 0, max_share: 1, jobs } });
  await drain(bus);
  const left = await quantbotBus(bus, 'verify', '--erased', 'a/tests/t/t');
  expect(left).toMatchObject({ code: 2, stdout: expect.stringContaining('before the rows left canon.alerts') });

  const path = (await later.settled()).artifacts[0]?.canonical_path ?? '';
  chmodSync(path, 0o644);
  writeFileSync(path, Buffer.alloc(statSync(path).size));
  testBusIn(bus.folder, { compaction: { idle_s: 0.1 }, export: { enabled: false } });
  await startDaemon(bus);
  await add(bus, 'c', 'other');
  const status = await eventually(
    async () => (await quantbotBus(bus, 'status')).stdout,
    text => text.includes('waits '),
  );
  expect(status).toMatch(/^waits +canon\.alerts /m);
  const doctor = (await quantbotBus(bus, 'doctor', '--json')).stdout;
  expect(doctor).toMatch(/TABLE_WAITS.*canon\.alerts has not been compacted/s);
  expect(status + doctor).not.toContain('canon.alrets');
});
