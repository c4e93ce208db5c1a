import { chmodSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { type Child, startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { askIn, researchDatabase, runIn } from '@quantbot/tooling-testing/old-database';
import { produce } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { adopt, backupsOf, fail, hash, killedWriter, oldDatabase, parquet } from '../support/adoption.js';
import { cliPath, drain, quantbotBus } from '../support/daemon-process.js';
import { query } from '../support/query.js';

describe('the plan', () => {
  test('names each table with its canonical table, what changes, what is lost, and changes nothing', async () => {
    const bus = await oldDatabase();
    const before = hash(bus.config.duckdbPath);
    const plan = await adopt(bus);
    expect(plan).toMatchObject({ code: 0, applied: false, conflicts: [], backup: null });
    expect(plan.tables.map(({ schema, table, canon, rows }) => [schema, table, canon, rows])).toEqual([
      ['canon', 'alerts_std', 'alerts_std', 1000],
      ['main', 'nothing', 'nothing', 0],
      ['main', 'trades', 'trades', 500],
      ['research', 'Odd "Name" 1', 'odd__name__1', 2],
    ]);
    expect(plan.tables[2]?.notes).toEqual(['id: INTEGER becomes BIGINT', 'fee: FLOAT becomes DOUBLE']);
    expect(plan.tables[3]?.notes).toEqual([
      'the name becomes odd__name__1',
      'a b: INTEGER becomes BIGINT',
      'select: INTEGER becomes BIGINT',
      "filename becomes filename_: the name is the bus's own",
    ]);
    expect(plan.lost.map(({ kind, name }) => `${kind} ${name}`)).toEqual(
      expect.arrayContaining([
        'index main.trades_side',
        'constraint main.trades',
        'default main.trades.side',
        'sequence main.numbers',
        'macro main.double_it',
      ]),
    );
    expect(plan.views.filter(view => view.problem !== null)).toMatchObject([
      { name: 'main.doubled', problem: expect.stringContaining('double_it') },
    ]);
    expect(hash(bus.config.duckdbPath)).toBe(before);
    expect(readdirSync(bus.folder).sort()).toEqual(['bus_config.json', 'data']);
    expect(readdirSync(join(bus.folder, 'data'))).toEqual(['alerts.duckdb']);
  });

  sampled('of two tables that want one name says so, and how to choose', async () => {
    const bus = await oldDatabase([
      'CREATE SCHEMA canon',
      'CREATE TABLE canon.t AS SELECT 1 AS a',
      'CREATE TABLE t AS SELECT 2 AS a',
    ]);
    const plan = await adopt(bus);
    expect(plan.code).toBe(2);
    expect(plan.conflicts).toEqual(['canon.t and main.t both want to be canon.t: --map main.t=t_2, or --skip main.t']);
    expect(await fail(bus, '--apply')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ADOPTION_BLOCKED[\s\S]*--map main\.t=t_2/),
    });
    expect((await adopt(bus, '--map', 'main.t=t_2')).tables.map(table => table.canon)).toEqual(['t', 't_2']);
    expect((await adopt(bus, '--skip', 'main.t')).tables.map(table => table.canon)).toEqual(['t']);
    expect(await fail(bus, '--skip', 'main.nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('TABLE_NOT_FOUND'),
    });
  });

  test('finds out beforehand what the daemon would reject', async () => {
    const settings = { canon: { tables: { t: { columns: { a: { type: 'DATE' } } } } } };
    const bus = await oldDatabase(['CREATE TABLE t AS SELECT 1 AS a'], settings);
    expect(await adopt(bus)).toMatchObject({ code: 2, conflicts: [expect.stringContaining('expected DATE')] });
  });
});

describe('what cannot be adopted', () => {
  test('a database that another process has open for writing', async () => {
    const bus = await oldDatabase();
    const holder = startChild(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `
        const { DuckDBInstance } = await import(${JSON.stringify(import.meta.resolve('@duckdb/node-api'))});
        const instance = await DuckDBInstance.create(${JSON.stringify(bus.config.duckdbPath)});
        console.log('open');
        process.stdin.resume().on('end', () => instance.closeSync());`,
      ],
      bus.folder,
    );
    await eventually(holder.stdout, text => text.includes('open'));
    expect(await fail(bus)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^OLD_DATABASE_LOCKED: .*\n.*[0-9]+[\s\S]*Try: Stop the programs/),
    });
    holder.process.stdin?.end();
    await holder.ended;
    expect((await adopt(bus)).code).toBe(0);
  });

  sampled('a database with changes in its log that are not merged yet', async () => {
    const bus = await oldDatabase();
    await killedWriter(bus.config.duckdbPath, 'INSERT INTO nothing VALUES (1, NULL)');
    expect(await fail(bus, '--apply')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^OLD_DATABASE_UNMERGED[\s\S]*CHECKPOINT/),
    });
    await runIn(bus.config.duckdbPath, 'CHECKPOINT');
    expect((await adopt(bus, '--apply')).code).toBe(0);
    expect(await query(bus, 'SELECT a FROM canon.nothing')).toEqual([{ a: 1 }]);
  });

  test('what is no database, or not there', async () => {
    const bus = makeTestBus();
    expect(await fail(bus)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('OLD_DATABASE_UNREADABLE: There is no database at'),
    });
    writeFileSync(join(bus.folder, 'notes.txt'), 'my notes');
    expect((await quantbotBus(bus, 'adopt', join(bus.folder, 'notes.txt'))).stderr).toMatch(
      /^OLD_DATABASE_UNREADABLE: .*cannot be opened/,
    );
  });
});

const killPoints = [
  'adopt:file-written',
  'adopt:table-copied',
  'submit:staged',
  'submit:renamed',
  'adopt:submitted',
  'commit:before-rename',
  'commit:after-rename',
  'settle:receipt-written',
  'adopt:ingested',
  'adopt:backup-kept',
  'adopt:switching',
  'publish:before-rename',
  'publish:after-rename',
  'adopt:published',
];

test.each(sampleOf(killPoints, 2))(
  'killed at %s, an adoption leaves a whole database in its place, and goes on when it is run again',
  { tags: ['campaign'] },
  async point => {
    const bus = await oldDatabase();
    const bytes = hash(bus.config.duckdbPath);
    const killed = startAdoption(bus, { QUANTBOT_FAULT_POINT: point });
    expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' });
    const [found] = await askIn(bus.config.duckdbPath, 'SELECT count(*) AS n FROM canon.alerts_std');
    expect(found).toEqual({ n: '1000' });
    expect([
      hash(bus.config.duckdbPath),
      ...backupsOf(bus).map(name => hash(join(bus.folder, 'data', name))),
    ]).toContain(bytes);
    const again = await adopt(bus, '--apply');
    expect(again).toMatchObject({ code: 0, applied: true });
    expect(hash(again.backup ?? '')).toBe(bytes);
    expect(await query(bus, 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM canon.trades')).toEqual([
      { n: 500, d: 500 },
    ]);
    expect(await query(bus, 'SELECT count(*) AS n, count(DISTINCT job_id) AS jobs FROM catalog.artifacts_f')).toEqual([
      { n: 4, jobs: 1 },
    ]);
    expect(readdirSync(join(bus.layout.root, 'adoptions'))).toHaveLength(1);
    expect(backupsOf(bus).map(name => join(bus.folder, 'data', name))).toEqual([again.backup]);
  },
);

sampled('a database that was written into after its rows were taken is not replaced', async () => {
  const bus = await oldDatabase();
  const killed = startAdoption(bus, { QUANTBOT_FAULT_POINT: 'adopt:ingested' });
  await killed.ended;
  await runIn(bus.config.duckdbPath, 'INSERT INTO nothing VALUES (7, NULL)', 'CHECKPOINT');
  const bytes = hash(bus.config.duckdbPath);
  expect(await fail(bus, '--apply')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ADOPTION_CHANGED/) });
  await drain(bus);
  expect(hash(bus.config.duckdbPath)).toBe(bytes);
});

sampled('a database that was written into before anything was submitted is simply taken as it is now', async () => {
  const bus = await oldDatabase();
  await startAdoption(bus, { QUANTBOT_FAULT_POINT: 'adopt:table-copied#2' }).ended;
  await runIn(bus.config.duckdbPath, 'INSERT INTO nothing VALUES (7, NULL)', 'CHECKPOINT');
  expect((await adopt(bus, '--apply')).code).toBe(0);
  expect(await query(bus, 'SELECT a FROM canon.nothing')).toEqual([{ a: 7 }]);
  expect(readdirSync(join(bus.layout.root, 'adoptions'))).toHaveLength(1);
});

sampled('a file of an earlier run that does not hold what the table does is noticed, and made again', async () => {
  const bus = await oldDatabase();
  await startAdoption(bus, { QUANTBOT_FAULT_POINT: 'adopt:table-copied' }).ended;
  const [folder = ''] = readdirSync(join(bus.layout.root, 'adoptions')).filter(name => !name.endsWith('.json'));
  const file = join(bus.layout.root, 'adoptions', folder, 'alerts_std.parquet');
  renameSync(await produce(bus, `SELECT * REPLACE (id + 1 AS id) FROM ${parquet(file)}`), file);
  expect(await fail(bus, '--apply')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^ADOPTION_MISMATCH[\s\S]*1000 rows/),
  });
  expect((await adopt(bus, '--apply')).code).toBe(0);
});

test.each(sampleOf(['adopt:ingested', 'adopt:published'], 1))(
  'rows that are not the old ones any more after %s are noticed',
  { tags: ['campaign'] },
  async point => {
    const bus = await oldDatabase();
    await startAdoption(bus, { QUANTBOT_FAULT_POINT: point }).ended;
    const folder = join(bus.layout.store, 'adopt/trades');
    const stored = join(folder, readdirSync(folder)[0] ?? '');
    const other = await produce(bus, `SELECT * REPLACE (price + 1 AS price) FROM ${parquet(stored)}`);
    chmodSync(stored, 0o644);
    writeFileSync(stored, readFileSync(other));
    expect(await fail(bus, '--apply')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ADOPTION_MISMATCH/) });
    const kept = point === 'adopt:ingested' ? bus.config.duckdbPath : join(bus.folder, 'data', backupsOf(bus)[0] ?? '');
    expect(await askIn(kept, 'SELECT count(*) AS n FROM trades')).toEqual([{ n: '500' }]);
  },
);

sampled('tables that the bus has rejected are taken when the cause is gone', async () => {
  const bus = await oldDatabase(researchDatabase, { limits: { max_artifact_bytes: 100 } });
  expect(await fail(bus, '--apply')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^TOO_LARGE/) });
  expect(await askIn(bus.config.duckdbPath, 'SELECT count(*) AS n FROM trades')).toEqual([{ n: '500' }]);
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2 }));
  expect((await adopt(bus, '--apply')).code).toBe(0);
  expect(await query(bus, 'SELECT count(*) AS n FROM canon.trades')).toEqual([{ n: 500 }]);
});

sampled('a backup that is put back into its place is not replaced again', async () => {
  const bus = await oldDatabase();
  const { backup } = await adopt(bus, '--apply');
  renameSync(backup ?? '', bus.config.duckdbPath);
  const bytes = hash(bus.config.duckdbPath);
  await drain(bus);
  expect(hash(bus.config.duckdbPath)).toBe(bytes);
});

function startAdoption(bus: TestBus, env: NodeJS.ProcessEnv): Child {
  return startChild(
    process.execPath,
    [cliPath, 'adopt', bus.config.duckdbPath, '--apply', '--config', bus.configPath],
    bus.folder,
    env,
  );
}
