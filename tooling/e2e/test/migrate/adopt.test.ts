import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { type Child, startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { askIn, makeDatabase, researchDatabase, runIn } from '@quantbot/tooling-testing/old-database';
import { produce } from '@quantbot/tooling-testing/parquet';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { cliPath, drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

interface Report {
  applied: boolean;
  tables: { schema: string; table: string; canon: string; rows: number; notes: string[] }[];
  taken: string[];
  views: { name: string; sql: string; problem: string | null }[];
  lost: { kind: string; name: string; definition: string }[];
  conflicts: string[];
  jobs: string[];
  backup: string | null;
}

/** A bus at whose `duckdb_path` an old database lies. */
async function oldDatabase(statements: readonly string[] = researchDatabase, settings = {}): Promise<TestBus> {
  const bus = makeTestBus(settings);
  await makeDatabase(bus.config.duckdbPath, ...statements);
  return bus;
}

async function adopt(bus: TestBus, ...args: string[]): Promise<Report & { code: number | null }> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'adopt', bus.config.duckdbPath, '--json', ...args);
  if (stdout === '') throw new Error(stderr);
  return { code, ...(JSON.parse(stdout) as Report) };
}

const fail = async (bus: TestBus, ...args: string[]) => {
  const { code, stderr } = await quantbotBus(bus, 'adopt', bus.config.duckdbPath, ...args);
  return { code, stderr };
};

const parquet = (path: string): string => `read_parquet('${path}')`;
const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const backupsOf = (bus: TestBus): string[] =>
  readdirSync(join(bus.folder, 'data')).filter(name => name.startsWith('alerts.duckdb.before-bus-'));

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

  test('of two tables that want one name says so, and how to choose', async () => {
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

describe('an adopted database', () => {
  test('answers as before, and the old one stays beside it, byte for byte', async () => {
    const bus = await oldDatabase();
    const questions = [
      'SELECT symbol, count(*) AS n, sum(score) AS s, max(ts) AS last FROM canon.alerts_std GROUP BY symbol ORDER BY symbol',
      'SELECT id, symbol, ts, score FROM canon.alerts_std ORDER BY id LIMIT 20',
    ];
    const before = await Promise.all(questions.map(sql => askIn(bus.config.duckdbPath, sql)));
    const bytes = hash(bus.config.duckdbPath);
    const report = await adopt(bus, '--apply');
    expect(report).toMatchObject({ code: 0, applied: true });
    for (const [index, sql] of questions.entries())
      expect(await askIn(bus.config.duckdbPath, sql)).toEqual(before[index]);
    expect(hash(report.backup ?? '')).toBe(bytes);
    expect(statSync(report.backup ?? '').nlink).toBe(1);
    expect(await query(bus, 'SELECT count(*) AS n, min(a) AS a FROM canon.nothing')).toEqual([{ n: 0, a: null }]);
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.trades WHERE price > 50')).toEqual(
      await query(
        { ...bus, config: { ...bus.config, duckdbPath: report.backup ?? '' } },
        'SELECT count(*) AS n FROM trades WHERE price > 50',
      ),
    );
    const artifacts = await query(
      bus,
      "SELECT kind, rows, schema_hint, meta_json FROM catalog.artifacts_f WHERE producer = 'adopt' ORDER BY kind",
    );
    expect(artifacts.map(row => [row.kind, row.rows, row.schema_hint])).toEqual([
      ['alerts_std', 1000, 'canon.alerts_std'],
      ['nothing', 0, 'canon.nothing'],
      ['odd__name__1', 2, 'canon.odd__name__1'],
      ['trades', 500, 'canon.trades'],
    ]);
    expect(JSON.parse(String(artifacts[2]?.meta_json))).toMatchObject({ schema: 'research', table: 'Odd "Name" 1' });
    expect(await adopt(bus, '--apply')).toMatchObject({
      code: 0,
      tables: [],
      taken: expect.arrayContaining(['main.trades']),
      backup: report.backup,
    });
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.trades')).toEqual([{ n: 500 }]);
  });

  sampled(
    'answers to the old names too, with the old types, and to its views, when they are written to the configuration',
    async () => {
      const bus = await oldDatabase(researchDatabase, { log_level: 'info' });
      const questions = [
        'SELECT * FROM trades ORDER BY id',
        'FROM nothing',
        'SELECT * FROM research."Odd ""Name"" 1" ORDER BY ALL',
        'SELECT * FROM daily ORDER BY day',
        'SELECT * FROM all_big',
        'SELECT who, how_much FROM research.best ORDER BY who',
        'SELECT count(*) AS n, typeof(any_value(fee)) AS f, typeof(any_value(id)) AS i FROM big_trades WHERE fee = 0.1',
      ];
      const before = await Promise.all(questions.map(sql => askIn(bus.config.duckdbPath, sql)));
      const report = await adopt(bus, '--apply', '--write-views');
      expect(report.code).toBe(0);
      for (const [index, sql] of questions.entries())
        expect(await askIn(bus.config.duckdbPath, sql), sql).toEqual(before[index]);
      const written = JSON.parse(readFileSync(bus.configPath, 'utf8'));
      expect(written).toMatchObject({ log_level: 'info', publish: { views: expect.any(Array) } });
      expect(written.publish.views.map((view: { name: string }) => view.name)).toEqual([
        'main.nothing',
        'main.trades',
        'research.Odd "Name" 1',
        'main.big_trades',
        'main.daily',
        'research.best',
        'main.all_big',
      ]);
      await drain(bus);
      expect(await query(bus, 'SELECT count(*) AS n FROM catalog.views_d WHERE ok')).toEqual([{ n: 7 }]);
    },
  );

  test('may have every type that there is: no digit is lost on the way', async () => {
    const values: Record<string, string> = {
      boolean: 'true',
      tiny: '(-128)::TINYINT',
      small: '32767::SMALLINT',
      int: '(-2147483648)::INTEGER',
      big: '9223372036854775807::BIGINT',
      utiny: '255::UTINYINT',
      usmall: '65535::USMALLINT',
      uint: '4294967295::UINTEGER',
      ubig: '18446744073709551615::UBIGINT',
      huge: '99999999999999999999999999999999999999::HUGEINT',
      huger: '170141183460469231731687303715884105727::HUGEINT',
      uhuge: '340282366920938463463374607431768211455::UHUGEINT',
      float: '0.1::FLOAT',
      double: '0.1::DOUBLE',
      nan: "'nan'::DOUBLE",
      inf: "'-inf'::DOUBLE",
      tiny_double: '4.9e-324::DOUBLE',
      dec4: '12.5::DECIMAL(4,1)',
      dec38: '1234567890123456789.123456789::DECIMAL(38,9)',
      text: "'a\"b\n\u2028é😀'",
      empty: "''",
      blob: "'\\x00\\xFF\\x5C'::BLOB",
      uuid: "'00000000-0000-0000-0000-000000000001'::UUID",
      date: "'0044-03-15 (BC)'::DATE",
      forever: "'infinity'::DATE",
      time: "'24:00:00'::TIME",
      time_ns: "'12:00:00.123456789'::TIME_NS",
      time_tz: "'12:00:00+02'::TIMETZ",
      ts: "'2020-01-01 00:00:00.123456'::TIMESTAMP",
      never: "'-infinity'::TIMESTAMP",
      ts_s: "'2020-01-01'::TIMESTAMP_S",
      ts_ms: "'2020-01-01 00:00:00.123'::TIMESTAMP_MS",
      ts_ns: "'2020-01-01 00:00:00.123456789'::TIMESTAMP_NS",
      ts_tz: "'2020-01-01 00:00:00+02'::TIMESTAMPTZ",
      whole: "INTERVAL '1 month 3 days 1.5 seconds'",
      fine: "INTERVAL '1.000001 seconds'",
      back: "INTERVAL '-1 day'",
      feeling: "'sad'::ENUM('happy', 'sad')",
      bits: "'10101'::BIT",
      bignum: "'123456789012345678901234567890123456789012345'::BIGNUM",
      json: `'{"a": [1, null]}'::JSON`,
      list: '[1, NULL, 3]',
      list2: "[['a'], [], NULL]",
      arr: '[1.5, 2.5]::FLOAT[2]',
      struct: `{'a': 1, 'b c': 'x', 'Ünï': [1.25::DECIMAL(9,2)]}`,
      map: "MAP {'k': 1, 'l': NULL}",
      deep: "[{'m': MAP {1: [{'e': 'sad'::ENUM('happy', 'sad')}]}}]",
      hugestruct: "{'h': 5::HUGEINT}",
      either: 'union_value(n := 1)::UNION(n INTEGER, s VARCHAR)',
    };
    const columns = Object.entries(values);
    const list = columns.map(([name, sql]) => `${sql} AS ${name}`).join(', ');
    const bus = await oldDatabase([
      `CREATE TABLE t AS SELECT ${list}`,
      `INSERT INTO t SELECT ${columns.map(() => 'NULL').join(', ')}`,
    ]);
    const { backup } = await adopt(bus, '--apply');
    const report = JSON.parse((await quantbotBus(bus, 'compare', 't', backup ?? '', '--json')).stdout);
    expect(report).toMatchObject({ equal: true, busRows: 2 });
    const asText = (name: string) =>
      name === 'either' ? `CAST(to_json(${name}) AS VARCHAR)` : `CAST(${name} AS VARCHAR)`;
    const old = await askIn(
      backup ?? '',
      `SELECT ${columns.map(([name]) => `${asText(name)} AS ${name}`).join(', ')} FROM t`,
    );
    const now = await askIn(
      bus.config.duckdbPath,
      `SELECT ${columns.map(([name]) => `CAST(${name} AS VARCHAR) AS ${name}`).join(', ')} FROM canon.t`,
    );
    // What FLOAT prints as 0.1 is another text as DOUBLE, not another number.
    for (const row of [...old, ...now]) delete row.float;
    expect(now).toEqual(expect.arrayContaining(old));
  });

  sampled('a million rows come over, each one', async () => {
    const bus = await oldDatabase([
      "CREATE TABLE big AS SELECT range AS id, hash(range) % 1000 AS k, 'row ' || range AS t, random() AS r FROM range(1000000)",
    ]);
    const { backup } = await adopt(bus, '--apply');
    expect(await quantbotBus(bus, 'compare', 'big', backup ?? '')).toMatchObject({
      code: 0,
      stdout: 'canon.big and main.big are equal: 1000000 rows\n',
    });
  });

  test('takes the new rows of producers beside the old ones', async () => {
    const bus = await oldDatabase(['CREATE TABLE numbers AS SELECT range AS n FROM range(3)']);
    await adopt(bus, '--apply');
    await submit(bus, { schemaHint: 'canon.numbers' });
    await drain(bus);
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 6 }]);
  });

  sampled('that lies elsewhere stays where it is, and is taken once', async () => {
    const bus = makeTestBus();
    const elsewhere = join(bus.folder, 'elsewhere.duckdb');
    await makeDatabase(elsewhere, 'CREATE TABLE numbers AS SELECT range AS n FROM range(3)');
    const before = hash(elsewhere);
    for (let run = 0; run < 2; run++)
      expect(await quantbotBus(bus, 'adopt', elsewhere, '--apply')).toMatchObject({ code: 0, stderr: '' });
    expect(hash(elsewhere)).toBe(before);
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 3 }]);
  });

  sampled('moves table by table while the rest of it stays in use, and is replaced at the end', async () => {
    const bus = makeTestBus({ duckdb_path: 'data/bus.duckdb' });
    const old = join(bus.folder, 'data/alerts.duckdb');
    await makeDatabase(old, ...researchDatabase);
    const first = await quantbotBus(bus, 'adopt', old, '--only', 'main.trades', '--apply', '--write-views');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(await query(bus, 'SELECT count(*) AS n FROM trades')).toEqual([{ n: 500 }]);
    await runIn(old, 'INSERT INTO canon.alerts_std SELECT * FROM canon.alerts_std LIMIT 5');

    const settings = JSON.parse(readFileSync(bus.configPath, 'utf8'));
    const one = testBusIn(bus.folder, { ...settings, duckdb_path: 'data/alerts.duckdb' });
    const plan = await adopt(one, '--apply').catch(error => error.message);
    expect(plan).toContain('main.trades: its earlier rows are already in canon.trades: --skip main.trades');
    expect((await adopt(one)).conflicts).toHaveLength(1);
    const { backup } = await adopt(one, '--apply', '--skip', 'main.trades', '--write-views');
    expect(existsSync(backup ?? '')).toBe(true);
    const counts = 'SELECT (SELECT count(*) FROM trades) AS trades, (SELECT count(*) FROM canon.alerts_std) AS alerts';
    expect(await query(one, counts)).toEqual([{ trades: 500, alerts: 1005 }]);
  });

  sampled('gives the tables that the bus has not when it is told so, and every old name answers', async () => {
    const bus = makeTestBus({ duckdb_path: 'data/bus.duckdb' });
    const old = join(bus.folder, 'data/alerts.duckdb');
    await makeDatabase(old, ...researchDatabase);
    await quantbotBus(bus, 'adopt', old, '--only', 'canon.alerts_std', '--apply');
    await submit(bus, { schemaHint: 'canon.nothing', select: `SELECT 7 AS a, ['x'] AS b` }); // no adoption has brought this one
    await drain(bus);
    await runIn(old, "INSERT INTO nothing VALUES (7, ['x'])", "INSERT INTO trades VALUES (500, 1, 'buy', 0)");
    const questions = ['SELECT * FROM trades ORDER BY id', 'FROM nothing', 'SELECT * FROM daily ORDER BY day'];
    const before = await Promise.all(questions.map(sql => askIn(old, sql)));

    const one = testBusIn(bus.folder); // it publishes under the old name from now on
    const { tables } = await adopt(one, '--skip', 'canon.alerts_std');
    expect(tables.find(({ table }) => table === 'nothing')?.notes).toContainEqual(
      expect.stringMatching(/has rows in the bus; these are added .*--skip-known/),
    );
    const report = await adopt(one, '--skip-known', '--apply', '--write-views');
    expect(report).toMatchObject({ code: 0, taken: ['canon.alerts_std', 'main.nothing'], backup: expect.any(String) });
    expect(report.tables.map(({ canon }) => canon)).toEqual(['trades', 'odd__name__1']);
    for (const [index, sql] of questions.entries()) expect(await askIn(old, sql), sql).toEqual(before[index]);
    expect(await query(one, 'SELECT count(*) AS n FROM canon.alerts_std')).toEqual([{ n: 1000 }]);
  });

  test('a table that is not there cannot be chosen', async () => {
    const bus = await oldDatabase();
    expect((await fail(bus, '--only', 'main.nobody')).stderr).toContain('The database has no table main.nobody.');
  });

  sampled('is taken over by a daemon that runs already, while a reader has the old one open', async () => {
    const bus = await oldDatabase();
    const daemon = await startDaemon(bus);
    const refusal = await daemon.logged('could not be published');
    expect(refusal).toMatchObject({
      err: { code: 'FOREIGN_DATABASE' },
      hint: expect.stringContaining('quantbot-bus adopt '),
    });
    const reader = await startHoldingReader(bus);
    expect(await adopt(bus, '--apply')).toMatchObject({ code: 0 });
    expect(await reader.query('SELECT count(*) AS n FROM trades')).toEqual([{ n: '500' }]);
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.trades')).toEqual([{ n: 500 }]);
    await reader.close();
    await daemon.stop();
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

test('a database that was written into after its rows were taken is not replaced', async () => {
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

/**
 * A program that is killed right after it has written: what it wrote is in the log beside the file
 * only.
 */
async function killedWriter(path: string, sql: string): Promise<void> {
  const child = startChild(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `
      const { DuckDBInstance } = await import(${JSON.stringify(import.meta.resolve('@duckdb/node-api'))});
      const connection = await (await DuckDBInstance.create(${JSON.stringify(path)})).connect();
      await connection.run(${JSON.stringify(sql)});
      process.kill(process.pid, 'SIGKILL');`,
    ],
    process.cwd(),
  );
  await child.ended;
  expect(existsSync(`${path}.wal`)).toBe(true);
}
