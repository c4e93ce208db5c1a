import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { askIn, makeDatabase, researchDatabase, runIn } from '@quantbot/tooling-testing/old-database';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { adopt, fail, hash, oldDatabase } from '../support/adoption.js';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

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

  sampled('may have every type that there is: no digit is lost on the way', async () => {
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
    // The FLOAT 0.1 has another text as DOUBLE, but is the same number.
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
    await submit(bus, { schemaHint: 'canon.nothing', select: `SELECT 7 AS a, ['x'] AS b` }); // not an adopted table
    await drain(bus);
    await runIn(old, "INSERT INTO nothing VALUES (7, ['x'])", "INSERT INTO trades VALUES (500, 1, 'buy', 0)");
    const questions = ['SELECT * FROM trades ORDER BY id', 'FROM nothing', 'SELECT * FROM daily ORDER BY day'];
    const before = await Promise.all(questions.map(sql => askIn(old, sql)));

    const one = testBusIn(bus.folder); // from now on it publishes under the old name
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
