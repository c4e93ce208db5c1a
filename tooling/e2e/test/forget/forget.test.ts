import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ForgetOutcome } from '@quantbot/infra';
import { forgetArtifacts, keepArtifacts, setAlias } from '@quantbot/infra/utils';
import { openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';

const keyOf = (run: string, kind = 'numbers') => `${run}/tests/${kind}/${kind}`;
const fileOf = (bus: TestBus, run: string, kind = 'numbers') =>
  join(bus.layout.root, `store/tests/${kind}/${run}@${kind}.parquet`);

async function json(bus: TestBus, ...args: string[]): Promise<{ keys: ForgetOutcome[] }> {
  const { code, stdout, stderr } = await quantbotBus(bus, ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('only unprotected artifacts are forgotten; their bytes go, their entries stay, and the same bytes restore them', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0.05 } });
  await drain(bus);
  const select = (run: string) => `SELECT 1 AS id, '${run}' AS run`;
  for (const runId of ['r1', 'r2', 'r3', 'r4', 'r5'])
    await submit(bus, { runId, select: select(runId), ...(runId === 'r3' && { inputs: [keyOf('r2')] }) });
  await drain(bus);
  const daemon = await startDaemon(bus);
  const { busRoot, duckdbPath } = bus.config;
  await using catalog = await openCatalog({ duckdbPath });
  await keepArtifacts({ keys: [keyOf('r3')], reason: 'figures' }, { busRoot });
  await setAlias({ producer: 'tests', kind: 'numbers', alias: 'prod', key: keyOf('r4') }, { busRoot });

  const all = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6'].map(run => keyOf(run));
  const preview = await json(bus, 'forget', ...all);
  const expected = ['forgotten', 'protected', 'protected', 'protected', 'protected', 'unknown'];
  expect(preview.keys.map(({ status }) => status)).toEqual(expected);
  expect(existsSync(fileOf(bus, 'r1'))).toBe(true);
  const { bytes } = statSync(fileOf(bus, 'r1')) && { bytes: statSync(fileOf(bus, 'r1')).size };

  const refused = await quantbotBus(bus, 'forget', keyOf('r5'), '--apply');
  expect([refused.code, refused.stdout]).toEqual([2, expect.stringContaining('it is the newest')]);

  const done = await forgetArtifacts({ keys: all, reason: 'old', by: 'ann@lab' }, { busRoot });
  expect(Object.fromEntries(done.map(({ key, ...rest }) => [key, rest]))).toEqual({
    [keyOf('r1')]: { status: 'forgotten', bytes },
    [keyOf('r2')]: { status: 'protected', bytes: 0, protected_by: [`${keyOf('r3')}, which is kept, was made from it`] },
    [keyOf('r3')]: { status: 'protected', bytes: 0, protected_by: ['it carries a keep mark'] },
    [keyOf('r4')]: { status: 'protected', bytes: 0, protected_by: ['it has the alias tests/numbers@prod'] },
    [keyOf('r5')]: {
      status: 'protected',
      bytes: 0,
      protected_by: ['it is the newest of its producer, kind and artifact id'],
    },
    [keyOf('r6')]: { status: 'unknown', bytes: 0 },
  });
  await eventually(
    () => existsSync(fileOf(bus, 'r1')),
    isThere => !isThere,
  );
  expect(existsSync(fileOf(bus, 'r2'))).toBe(true);

  const [r1] = await catalog.artifacts({ runId: 'r1' });
  expect(r1).toMatchObject({ key: keyOf('r1'), rows: 1, forgottenAt: expect.any(Date) });
  expect((await catalog.artifacts({ runId: 'r2' }))[0]?.forgottenAt).toBeNull();
  expect(await catalog.query('SELECT artifact_key, bytes, reason, requested_by FROM catalog.forgotten_f')).toEqual([
    { artifact_key: keyOf('r1'), bytes, reason: 'old', requested_by: 'ann@lab' },
  ]);
  await expect(readParquet(fileOf(bus, 'r1'))).rejects.toMatchObject({ code: 'ARTIFACT_FORGOTTEN' });
  const past = await catalog.asOf(5);
  expect((await past.artifacts({ runId: 'r1' }))[0]?.forgottenAt).toEqual(expect.any(Date));
  await past.close();
  expect((await forgetArtifacts({ keys: [keyOf('r1')] }, { busRoot }))[0]?.status).toBe('already_forgotten');
  expect((await quantbotBus(bus, 'verify')).stdout).toContain('4 artifacts');
  expect((await quantbotBus(bus, 'verify')).code).toBe(0);
  expect((await quantbotBus(bus, 'alias', 'set', 'tests/numbers@old', keyOf('r1'))).stderr).toContain('is forgotten');

  const other = await submit(bus, { runId: 'r1', select: select('other') });
  await expect(other.settled()).rejects.toMatchObject({ code: 'ARTIFACT_CONFLICT' });
  const same = await (await submit(bus, { runId: 'r1', select: select('r1') })).settled();
  expect(same.artifacts[0]?.status).toBe('restored');
  expect(await readParquet(fileOf(bus, 'r1'))).toEqual([{ id: 1, run: 'r1' }]);
  expect((await catalog.artifacts({ runId: 'r1' })).map(({ seq, forgottenAt }) => [seq, forgottenAt])).toEqual([
    [1, null],
  ]);

  // What is forced goes whatever protects it, the newest included.
  await forgetArtifacts({ keys: [keyOf('r5')], force: true }, { busRoot });
  expect((await catalog.latest({ producer: 'tests', kind: 'numbers' }))?.key).toBe(keyOf('r4'));
  // Pages are read another way than the whole list.
  const whole = await catalog.artifacts();
  expect(whole.map(({ forgottenAt }) => forgottenAt !== null)).toEqual([true, false, false, false, false]);
  expect([await catalog.artifacts({ limit: 2 }), await catalog.artifacts({ limit: 0 })]).toEqual([
    whole.slice(0, 2),
    [],
  ]);
  expect(await catalog.artifacts({ limit: 9, offset: 1 })).toEqual(whole.slice(1));
  expect(await catalog.artifacts({ limit: 3, sort: 'when', offset: 1 })).toEqual(whole.toReversed().slice(1, 4));
  expect(await catalog.artifacts({ limit: 9, beforeSeq: 3, text: 'R' })).toEqual(whole.slice(3));
  expect(await catalog.artifacts({ limit: 9, quarantined: true })).toEqual([]);
  await keepArtifacts({ keys: [keyOf('r3')], keep: false }, { busRoot });
  expect((await forgetArtifacts({ keys: [keyOf('r2')] }, { busRoot }))[0]?.status).toBe('forgotten');
  expect((await quantbotBus(bus, 'verify')).code).toBe(0);
  await daemon.stop();
});

sampled('rows stay in append tables and leave the others, through rebuild and backup', async () => {
  const canon = { tables: { prices: { mode: 'upsert', key: ['id'] } } };
  const bus = makeTestBus({ canon, compaction: { release_grace_s: 0.05 } });
  await drain(bus);
  for (const run of ['r1', 'r2', 'r3']) {
    await submit(bus, { runId: run, schemaHint: 'canon.numbers', select: `SELECT 1 AS id, '${run}' AS run` });
    const kind = 'prices';
    await submit(bus, {
      runId: run,
      kind,
      artifactId: kind,
      schemaHint: 'canon.prices',
      select: `SELECT 1 AS id, '${run}' AS run`,
    });
    await drain(bus);
  }
  const keys = [keyOf('r2'), keyOf('r3', 'prices')];
  const { keys: done } = await json(bus, 'forget', ...keys, '--force', '--apply');
  expect(done.map(({ status, rows }) => [status, rows])).toEqual([
    ['forgotten', 'kept'],
    ['forgotten', 'dropped'],
  ]);
  expect([existsSync(fileOf(bus, 'r2')), existsSync(fileOf(bus, 'r3', 'prices'))]).toEqual([false, false]);
  const rowsOf = async (of: TestBus) => {
    await using catalog = await openCatalog({ duckdbPath: of.config.duckdbPath });
    const [numbers, prices] = [
      await catalog.query('SELECT run FROM canon.numbers ORDER BY run'),
      await catalog.query('SELECT run FROM canon.prices'),
    ];
    return [numbers.map(row => row.run), prices.map(row => row.run)];
  };
  const expected = [['r1', 'r2', 'r3'], ['r2']];
  expect(await rowsOf(bus)).toEqual(expected);
  expect(await readParquet(join(bus.config.export.exportDir, 'prices.parquet'), { columns: ['run'] })).toEqual([
    { run: 'r2' },
  ]);
  expect((await quantbotBus(bus, 'verify')).stdout).toContain('every file matches the journal');

  expect((await quantbotBus(bus, 'rebuild')).code).toBe(0);
  expect(await rowsOf(bus)).toEqual(expected);
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const past = await catalog.asOf(6);
  expect((await past.query('SELECT count(*) AS n FROM canon.numbers'))[0]?.n).toBe(3);
  await expect(past.query('SELECT * FROM canon.prices')).rejects.toMatchObject({
    code: 'ARTIFACT_FORGOTTEN',
    message: expect.stringContaining(keyOf('r3', 'prices')),
  });
  await past.close();
  const since = await catalog.asOf(7);
  expect(await since.query('SELECT run FROM canon.prices')).toEqual([{ run: 'r2' }]);
  await since.close();

  const restored = makeTestBus({ canon, bus_root: 'restored' });
  expect(await quantbotBus(bus, 'backup', restored.config.busRoot)).toMatchObject({ code: 0, stderr: '' });
  await drain(restored);
  expect(await rowsOf(restored)).toEqual(expected);
  expect((await quantbotBus(restored, 'verify')).code).toBe(0);

  const back = await submit(bus, {
    runId: 'r3',
    kind: 'prices',
    artifactId: 'prices',
    schemaHint: 'canon.prices',
    select: `SELECT 1 AS id, 'r3' AS run`,
  });
  await drain(bus);
  expect((await back.settled()).artifacts[0]?.status).toBe('restored');
  expect(await rowsOf(bus)).toEqual([['r1', 'r2', 'r3'], ['r3']]);

  // A table without rows today says so, too, whatever the query asks for.
  await json(bus, 'forget', ...['r1', 'r2', 'r3'].map(run => keyOf(run, 'prices')), '--force', '--apply');
  await drain(bus);
  expect(await rowsOf(bus)).toEqual([['r1', 'r2', 'r3'], []]);
  await using empty = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  await using lost = await empty.asOf(7);
  for (const where of ['', " WHERE run = 'r2'"])
    await expect(lost.query(`SELECT run FROM canon.prices${where}`)).rejects.toMatchObject({
      code: 'ARTIFACT_FORGOTTEN',
    });
});

sampled('dropped rows leave tables and exports everywhere, and verify --erased proves it', async () => {
  const jobs = [{ name: 'ids', sql: 'SELECT count(*) AS n FROM canon.people' }];
  const bus = makeTestBus({
    compaction: { release_grace_s: 0.05 },
    export: { min_interval_s: 0, max_share: 1, jobs, tables: { people: { layout: 'dataset' } } },
  });
  await drain(bus);
  for (const run of ['r1', 'r2'])
    await submit(bus, { runId: run, schemaHint: 'canon.people', select: `SELECT '${run}' AS name` });
  await drain(bus);
  const erased = () => quantbotBus(bus, 'verify', '--erased', keyOf('r1'));
  expect((await erased()).code).toBe(2);
  await json(bus, 'forget', keyOf('r1'), '--apply');
  expect((await erased()).stdout).toContain('its rows stay in its table');
  await json(bus, 'forget', keyOf('r1'), '--rows', 'drop', '--apply');
  await drain(bus);
  const { stdout, code } = await erased();
  expect(stdout).toContain(`no file of the bus holds ${keyOf('r1')}`);
  expect(code).toBe(0);
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  expect(await catalog.query('SELECT name FROM canon.people')).toEqual([{ name: 'r2' }]);
  expect(await readParquet(join(bus.config.export.exportDir, 'ids.parquet'))).toEqual([{ n: 1 }]);
  expect((await quantbotBus(bus, 'verify')).code).toBe(0);

  const [{ seq: erasedAt } = { seq: 0 }] = await catalog.query('SELECT max(seq) AS seq FROM catalog.jobs_f');
  await submit(bus, { runId: 'r1', schemaHint: 'canon.people', select: `SELECT 'r1' AS name` });
  await drain(bus);
  expect(await catalog.query('SELECT name FROM canon.people ORDER BY name')).toEqual([{ name: 'r1' }, { name: 'r2' }]);
  await using then = await catalog.asOf(Number(erasedAt));
  expect(await then.query('SELECT name FROM canon.people')).toEqual([{ name: 'r2' }]);
});

sampled('a reader that has the database open keeps every row, and its files go when it has closed it', async () => {
  const bus = makeTestBus({ compaction: { release_grace_s: 0.05 } });
  await drain(bus);
  for (const run of ['r1', 'r2'])
    await submit(bus, { runId: run, schemaHint: 'canon.people', select: `SELECT '${run}' AS name` });
  await drain(bus);
  const reader = await startHoldingReader(bus);
  const names = () => reader.query('SELECT name FROM canon.people ORDER BY name');
  expect(await names()).toEqual([{ name: 'r1' }, { name: 'r2' }]);
  await json(bus, 'forget', keyOf('r1'), '--rows', 'drop', '--apply');
  for (let again = 0; again < 3; again++) await drain(bus);
  expect(await names()).toEqual([{ name: 'r1' }, { name: 'r2' }]);
  const held = await quantbotBus(bus, 'verify', '--erased', keyOf('r1'));
  expect(held.code).toBe(2);
  if (process.platform === 'linux')
    expect(held.stdout).toMatch(/process \d+ .* still has old files open: .*alerts\.duckdb/);
  await reader.close();
  await drain(bus);
  expect(await quantbotBus(bus, 'verify', '--erased', keyOf('r1'))).toMatchObject({ code: 0 });
});

sampled('retention rules let go what any limit says, by hand and on a schedule', async () => {
  const retention = [{ producer: 'tests', kind: 'numbers', keep_last: 2 }];
  const bus = makeTestBus({ retention, compaction: { release_grace_s: 0.05 } });
  await drain(bus);
  for (const run of ['r1', 'r2', 'r3', 'r4']) await submit(bus, { runId: run, select: `SELECT '${run}' AS run` });
  await drain(bus);
  const { keys } = await json(bus, 'forget', '--rule');
  expect(keys.map(({ key, status }) => [key, status])).toEqual([
    [keyOf('r1'), 'forgotten'],
    [keyOf('r2'), 'forgotten'],
  ]);
  expect((await quantbotBus(bus, 'forget', '--rule', 'nothing')).stderr).toContain(
    'There is no retention rule nothing',
  );
  const scheduled = makeTestBus({
    retention,
    retention_interval: 0.2,
    bus_root: bus.config.busRoot,
    duckdb_path: bus.config.duckdbPath,
  });
  const daemon = await startDaemon(scheduled);
  await eventually(
    () => ['r1', 'r2'].some(run => existsSync(fileOf(bus, run))),
    isThere => !isThere,
  );
  await daemon.stop();
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  expect(await catalog.query('SELECT DISTINCT reason FROM catalog.forgotten_f')).toEqual([
    { reason: 'retention rule tests.numbers' },
  ]);
  expect((await catalog.artifacts()).filter(({ forgottenAt }) => forgottenAt === null)).toHaveLength(2);
});
