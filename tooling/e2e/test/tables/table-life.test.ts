import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dropTable, restoreTable } from '@quantbot/infra/utils';
import { openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';

async function json(bus: TestBus, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await quantbotBus(bus, ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const toTable = (bus: TestBus, runId: string, select: string, table = 't') =>
  submit(bus, { runId, kind: table, artifactId: table, schemaHint: `canon.${table}`, select });

const rowsOf = async (bus: TestBus, seq?: number, table = 't') => {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const at = seq === undefined ? catalog : await catalog.asOf(seq);
  try {
    return await at.query(`SELECT * EXCLUDE (_seq, _artifact_key) FROM canon.${table} ORDER BY ALL`);
  } finally {
    if (seq !== undefined) await at.close();
  }
};

const tablesOf = async (bus: TestBus, seq?: number) => {
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const at = seq === undefined ? catalog : await catalog.asOf(seq);
  try {
    return (await at.query('SELECT table_name, artifacts FROM catalog.tables_d ORDER BY ALL')).map(
      row => `${row.table_name} ${row.artifacts}`,
    );
  } finally {
    if (seq !== undefined) await at.close();
  }
};

sampled('a dropped table is gone, a later artifact starts another one, and the past stays as it was', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0 } });
  const exported = join(bus.config.export.exportDir, 't.parquet');
  await drain(bus);
  await toTable(bus, 'r1', `SELECT 1 AS id, 'a' AS note`);
  await toTable(bus, 'r2', `SELECT 2 AS id, 'b' AS note`);
  await toTable(bus, 'r1', 'SELECT 7 AS x', 'other');
  await drain(bus);
  const old = [
    { id: 1, note: 'a' },
    { id: 2, note: 'b' },
  ];
  expect(await rowsOf(bus)).toEqual(old);
  expect(await readParquet(exported)).toHaveLength(2);
  const reader = await startHoldingReader(bus);

  const missing = await quantbotBus(bus, 'table', 'drop', 'nope');
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('no table canon.nope') });
  expect(await json(bus, 'table', 'drop', 'canon.T')).toEqual({
    applied: false,
    table: 't',
    artifacts: 2,
    artifact_rows: 2,
    lost_rows: 0,
    readers: ['export t, which goes too'],
  });
  expect(await tablesOf(bus)).toEqual(['other 1', 't 2']);
  expect(await json(bus, 'table', 'drop', 't', '--apply')).toMatchObject({ applied: true, seq: 4 });
  expect(await tablesOf(bus)).toEqual(['other 1']);
  await expect(rowsOf(bus)).rejects.toThrow(/canon\.t|does not exist/i);
  expect(existsSync(exported)).toBe(false);
  expect(await rowsOf(bus, undefined, 'other')).toEqual([{ x: 7 }]);
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  expect(await reader.query('SELECT count(*) AS n FROM canon.t')).toEqual([{ n: '2' }]);
  await reader.close();
  expect(await rowsOf(bus, 3)).toEqual(old);
  expect(await rowsOf(bus, 1)).toEqual(old.slice(0, 1));
  expect(await tablesOf(bus, 3)).toEqual(['other 1', 't 2']);

  // The same columns with other types: nothing of the older table is read.
  await toTable(bus, 'r3', `SELECT 'x' AS id, 1.5::DOUBLE AS note`);
  await drain(bus);
  const fresh = [{ id: 'x', note: 1.5 }];
  expect(await rowsOf(bus)).toEqual(fresh);
  expect(await readParquet(exported)).toMatchObject(fresh);
  expect(await rowsOf(bus, 3)).toEqual(old);
  expect(await tablesOf(bus)).toEqual(['other 1', 't 1']);
  expect((await quantbotBus(bus, 'table', 'restore', 't')).stderr).toContain('do not fit');
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  expect(await rowsOf(bus)).toEqual(fresh);

  await json(bus, 'table', 'drop', 't', '--apply');
  const { stderr } = await quantbotBus(bus, 'table', 'drop', 't', '--apply');
  // No line of the log before it: without a daemon, the command executes the operation itself.
  expect(stderr).toMatch(/^OPERATION_INVALID: There is no table canon.t\./);
  expect(await rowsOf(bus, 6)).toEqual(fresh);
  await drain(bus); // a database that the last command replaced goes with the next start
  // Only the empty file of a dropped table is left.
  expect(readdirSync(join(bus.layout.canon, 't')).filter(name => name.endsWith('.parquet'))).toHaveLength(1);
});

sampled('a restored table has every artifact of its hint again, also those that came meanwhile', async () => {
  const tables = { newest: { mode: 'upsert', key: ['id'] } };
  const bus = makeTestBus({ canon: { tables }, compaction: { release_grace_s: 0 } });
  await drain(bus);
  for (const run of ['r1', 'r2']) await toTable(bus, run, `SELECT 1 AS id, '${run}' AS run`);
  await drain(bus);
  await json(bus, 'forget', 'r1/tests/t/t', '--apply', '--force');
  expect(await rowsOf(bus)).toHaveLength(2);
  expect(await json(bus, 'table', 'drop', 't')).toMatchObject({ lost_rows: 1 });
  await json(bus, 'table', 'drop', 't', '--apply');
  await toTable(bus, 'r3', `SELECT 3 AS id, 'r3' AS run, true AS late`);
  await drain(bus);
  expect(await rowsOf(bus)).toEqual([{ id: 3, run: 'r3', late: true }]);
  await json(bus, 'table', 'restore', 't');
  expect(await rowsOf(bus)).toEqual([
    { id: 1, run: 'r2', late: null },
    { id: 3, run: 'r3', late: true },
  ]);
  expect(await rowsOf(bus, 5)).toEqual([{ id: 3, run: 'r3', late: true }]);
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  expect((await quantbotBus(bus, 'table', 'restore', 't')).stderr).toContain('was not dropped');
  await toTable(bus, 'r4', `SELECT 4 AS id, 'r4' AS run`);
  await drain(bus);
  expect(await rowsOf(bus)).toHaveLength(3);
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  const declared = await quantbotBus(bus, 'table', 'drop', 'newest', '--apply');
  expect(declared).toMatchObject({ code: 1, stderr: expect.stringContaining('canon.tables') });
});

sampled('a running daemon, a dataset and a backup follow a drop', async () => {
  const tables = { t: { layout: 'dataset' } };
  const bus = makeTestBus({ compaction: { release_grace_s: 0.05 }, export: { tables } });
  await drain(bus);
  await toTable(bus, 'r1', 'SELECT 1 AS id');
  await toTable(bus, 'r2', 'SELECT 2 AS id');
  await drain(bus);
  const dataset = join(bus.config.export.exportDir, 't');
  expect(existsSync(dataset)).toBe(true);
  const daemon = await startDaemon(bus);
  const { busRoot } = bus.config;
  expect(await dropTable({ table: 't', reason: 'mistyped', by: 'ann@lab' }, { busRoot })).toBe(3);
  await eventually(
    () => existsSync(dataset),
    isThere => !isThere,
  );
  const late = await toTable(bus, 'r3', `SELECT 'three' AS id`);
  await late.settled();
  const fresh = [{ id: 'three' }];
  await eventually(
    () => tablesOf(bus),
    found => found[0] === 't 1',
  );
  expect(await rowsOf(bus)).toEqual(fresh);
  await expect(restoreTable({ table: 't' }, { busRoot })).rejects.toMatchObject({ code: 'OPERATION_INVALID' });

  // The daemon has not compacted the newest commit.
  const copy = makeTestBus({ bus_root: 'copy' });
  expect(await quantbotBus(bus, 'backup', copy.config.busRoot)).toMatchObject({ code: 0, stderr: '' });
  await daemon.stop();
  await drain(copy);
  expect(await rowsOf(copy)).toEqual(fresh);
  expect(await rowsOf(copy, 2)).toEqual([{ id: 1 }, { id: 2 }]);
  expect(await quantbotBus(copy, 'verify')).toMatchObject({ code: 0 });
  await json(copy, 'table', 'drop', 't', '--apply');
  expect(await tablesOf(copy)).toEqual([]);
  expect(await quantbotBus(copy, 'verify')).toMatchObject({ code: 0 });
});

sampled('a key that is NULL in some row ends the start before anything changes', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await toTable(bus, 'r1', `SELECT 'a' AS k, 1 AS v UNION ALL SELECT NULL, 2`);
  await toTable(bus, 'r2', `SELECT 'a' AS k, 3 AS v`);
  await drain(bus);
  const rows = await rowsOf(bus);
  expect(rows).toHaveLength(3);
  const declared = (key: string) => ({ canon: { tables: { t: { mode: 'upsert', key: [key] } } } });
  await expect(drain(testBusIn(bus.folder, declared('k')))).rejects.toThrow(/key does not fit r1\/tests\/t\/t/);
  expect(await rowsOf(bus)).toEqual(rows);
  await drain(testBusIn(bus.folder, declared('v')));
  expect(await rowsOf(bus)).toEqual(rows);
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
});

sampled('a table that started anew is rebuilt from journal and store alone', async () => {
  const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1 } });
  const daemon = await startDaemon(bus);
  await (await toTable(bus, 'r1', `SELECT 'old' AS x`)).settled();
  await dropTable({ table: 't' }, { busRoot: bus.config.busRoot });
  await (await toTable(bus, 'r2', 'SELECT 7 AS x')).settled();
  // Readers see the table again once the drop is compacted.
  await eventually(
    () => rowsOf(bus).catch(() => []),
    found => found.length > 0,
  );
  await daemon.stop();
  for (const derived of [bus.layout.canon, bus.config.duckdbPath]) rmSync(derived, { recursive: true });
  expect(await quantbotBus(bus, 'rebuild')).toMatchObject({ code: 0 });
  expect(await rowsOf(bus)).toEqual([{ x: 7 }]);
});
