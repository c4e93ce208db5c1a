import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { sharedFolder } from '@quantbot/tooling-testing/temporary-folder';
import { makeTestBus, type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { beforeAll, describe, expect, test } from 'vitest';
import { cliPath, drain, quantbotBus } from '../support/daemon-process.js';

/**
 * Three rows with values that are hard to format: long integers, decimals, times, commas, quotes,
 * NULL.
 */
const hard = `SELECT * FROM (VALUES
  (1::BIGINT, 1.10::DECIMAL(18,2), TIMESTAMP '2026-01-31 12:00:00.123456', 'plain'),
  (9007199254740993, 12345678901234567.89, TIMESTAMP '1969-12-31 23:59:59', 'a,"b"' || chr(10) || 'c'),
  (NULL, NULL, NULL, '')) t(id, price, ts, note)`;

/** A bus with these rows, for all tests that only query. */
let bus: TestBus;
beforeAll(async () => {
  const { folder, remove } = sharedFolder();
  bus = testBusIn(folder);
  await drain(bus);
  await submit(bus, { runId: 'r1', schemaHint: 'canon.things', select: hard });
  await drain(bus);
  return remove;
});

const things = 'SELECT id, price, ts, note FROM canon.things ORDER BY id NULLS LAST';

test('JSON loses nothing: long integers and decimals are texts, times have all their digits', async () => {
  const { code, stdout } = await quantbotBus(bus, 'query', things, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    { id: 1, price: '1.10', ts: '2026-01-31T12:00:00.123456Z', note: 'plain' },
    { id: '9007199254740993', price: '12345678901234567.89', ts: '1969-12-31T23:59:59Z', note: 'a,"b"\nc' },
    { id: null, price: null, ts: null, note: '' },
  ]);
  const others =
    "SELECT 'nan'::DOUBLE AS x, 5 AS x, [1.5::DECIMAL(3,1)] AS l, {'big': '18446744073709551616'::HUGEINT} AS s, 'infinity'::TIMESTAMP AS t";
  expect(JSON.parse((await quantbotBus(bus, 'query', others, '--json')).stdout)).toEqual([
    { x: 'NaN', 'x:1': 5, l: ['1.5'], s: { big: '18446744073709551616' }, t: 'infinity' },
  ]);
  expect((await quantbotBus(bus, 'query', 'FROM canon.things WHERE false', '--json')).stdout).toBe('[]\n');
});

test('times are UTC wherever the command runs', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const ask = async (format: string) => {
    const sql = "SELECT '2026-01-31 12:00:00+02'::TIMESTAMPTZ AS t";
    const args = [cliPath, 'query', sql, '--format', format, '--config', bus.configPath];
    const child = startChild(process.execPath, args, bus.folder, { TZ: 'America/New_York' });
    await child.ended;
    return child.stdout();
  };
  expect(JSON.parse(await ask('json'))).toEqual([{ t: '2026-01-31T10:00:00Z' }]);
  expect(await ask('csv')).toBe('t\n2026-01-31 10:00:00+00\n');
});

test('CSV tells NULL from an empty text, and quotes what needs it', async () => {
  const { stdout } = await quantbotBus(bus, 'query', `${things};`, '--format', 'csv');
  expect(stdout).toBe(
    'id,price,ts,note\n1,1.10,2026-01-31 12:00:00.123456,plain\n' +
      '9007199254740993,12345678901234567.89,1969-12-31 23:59:59,"a,""b""\nc"\n,,,""\n',
  );
  const empty = await quantbotBus(bus, 'query', 'SELECT id, note FROM canon.things WHERE false', '--format', 'csv');
  expect(empty.stdout).toBe('id,note\n');
});

test('a table shows the first rows and says that there are more; NULL is told', async () => {
  const { stdout, stderr } = await quantbotBus(bus, 'query', 'SELECT range AS n FROM range(1000) -- all');
  expect(stdout).toContain('│ 99 │');
  expect(stdout).toMatch(/100 rows\n$/);
  expect(stderr).toBe('only the first 100 rows; --limit shows more\n');
  const two = await quantbotBus(bus, 'query', 'SELECT range AS n FROM range(5)', '--limit', '2', '--json');
  expect(two).toMatchObject({
    stdout: '[\n{"n":0},\n{"n":1}\n]\n',
    stderr: 'only the first 2 rows; --limit shows more\n',
  });
  const all = await quantbotBus(bus, 'query', 'SELECT range AS n FROM range(2)', '--limit', '2');
  expect(all).toMatchObject({ stdout: expect.stringContaining('│ 1 │'), stderr: '' });
  expect((await quantbotBus(bus, 'query', 'SELECT NULL AS nothing')).stdout).toContain('│    NULL │');
});

test('Parquet goes to a file that appears when it is whole, and so does what else --out names', async () => {
  const out = join(bus.folder, 'things.parquet');
  const copied = await quantbotBus(bus, 'query', things, '--format', 'parquet', '--out', out);
  expect(copied).toMatchObject({ code: 0, stdout: '', stderr: `3 rows in ${out}\n` });
  expect(await readParquet(out, { int64: 'bigint' })).toMatchObject([
    { id: 1n, price: '1.10' },
    { id: 9007199254740993n, price: '12345678901234567.89' },
    { id: null, price: null },
  ]);
  const failed = await quantbotBus(bus, 'query', "SELECT error('stop')", '--format', 'parquet', '--out', out);
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('QUERY_FAILED') });
  expect(await readParquet(out, { int64: 'bigint' })).toHaveLength(3);
  await quantbotBus(bus, 'query', 'SELECT 1 AS a', '--json', '--out', join(bus.folder, 'a.json'));
  expect(readFileSync(join(bus.folder, 'a.json'), 'utf8')).toBe('[\n{"a":1}\n]\n');
  expect(readdirSync(bus.folder).filter(name => name.endsWith('.tmp'))).toEqual([]);
});

sampled('the past is asked as the present is, also for modes that drop rows', async () => {
  const bus = makeTestBus({ canon: { tables: { things: { mode: 'latest' } } } });
  await drain(bus);
  for (const runId of ['r1', 'r2']) {
    await submit(bus, { runId, schemaHint: 'canon.things', select: `SELECT '${runId}' AS run` });
    await drain(bus);
  }
  const ask = async (...args: string[]) =>
    JSON.parse((await quantbotBus(bus, 'query', 'SELECT run FROM canon.things', '--json', ...args)).stdout);
  expect(await ask()).toEqual([{ run: 'r2' }]);
  expect(await ask('--as-of', '1')).toEqual([{ run: 'r1' }]);
  expect(await ask('--as-of', '2020-01-01')).toEqual([]);
});

describe('a query can only read, and only the bus', () => {
  test.each([
    ['a statement that writes', 'CREATE TABLE x (a INT)', 'NOT_ONE_SELECT'],
    ['a copy', "COPY (SELECT 1) TO '{secret}'", 'NOT_ONE_SELECT'],
    ['a setting', 'SET enable_external_access = true', 'NOT_ONE_SELECT'],
    ['another database', "ATTACH '{secret}'", 'NOT_ONE_SELECT'],
    ['two statements', 'SELECT 1; SELECT 2', 'NOT_ONE_SELECT'],
    ['no statement', '', 'NOT_ONE_SELECT'],
    ['what is no SQL', 'SELEC 1', 'QUERY_FAILED'],
    ['a bracket that ends ours', 'SELECT 1) UNION ALL (SELECT 2', 'QUERY_FAILED'],
    ['a file elsewhere', "SELECT * FROM read_text('{secret}')", 'OUT_OF_REACH'],
    ['a folder elsewhere', "SELECT * FROM glob('{folder}/*')", 'OUT_OF_REACH'],
    ['a table that there is not', 'FROM canon.nothing', 'QUERY_FAILED'],
    ['a parameter', 'SELECT $1', 'QUERY_FAILED'],
    [
      'a row that fails late',
      'SELECT CASE WHEN range = 900000 THEN error(chr(33)) END FROM range(1000000)',
      'QUERY_FAILED',
    ],
  ])('%s', async (_what, sql, code) => {
    const folder = join(bus.folder, 'elsewhere');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    const asked = sql.replace('{secret}', join(folder, 'secret.txt')).replace('{folder}', folder);
    for (const format of ['json', 'csv']) {
      const answer = await quantbotBus(bus, 'query', asked, '--format', format);
      expect(answer.code).toBe(1);
      expect(answer.stderr).toMatch(new RegExp(`^${code}: [\\s\\S]*\nTry: `));
      expect(answer.stderr).not.toContain('serialized to json'); // how DuckDB refuses what is no SELECT
      expect(answer.stdout).not.toContain('secret');
    }
    expect(readdirSync(folder)).toEqual(['secret.txt']);
  });

  test('and it writes nowhere among the files of the bus, nor through a link', async () => {
    symlinkSync(bus.config.export.exportDir, join(bus.folder, 'link'));
    const paths = [bus.config.duckdbPath, join(bus.layout.root, 'x.csv'), join(bus.folder, 'link/x.csv')];
    for (const path of paths) {
      const answer = await quantbotBus(bus, 'query', 'SELECT 1', '--format', 'csv', '--out', path);
      expect(answer).toMatchObject({ code: 1, stderr: expect.stringContaining('OUTPUT_PATH_TAKEN') });
    }
    expect(existsSync(join(bus.config.export.exportDir, 'x.csv'))).toBe(false);
    expect((await quantbotBus(bus, 'query', things)).code).toBe(0);
  });
});

test.each([
  [['SELECT 1', '--format', 'parquet'], 'needs --out'],
  [['SELECT 1', '--format', 'parquet', '--out', 'x', '--limit', '1'], 'write LIMIT in the SQL'],
  [['SELECT 1', '--json', '--format', 'csv'], 'contradict each other'],
  [['SELECT 1', '--format', 'excel'], 'Allowed choices are table, json, csv, parquet'],
])('%j is refused before anything is asked', async (args, problem) => {
  const { code, stderr } = await quantbotBus(makeTestBus(), 'query', ...args);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(problem) });
  expect(stderr).toContain('(try quantbot-bus query --help)');
});

test('Ctrl-C ends a query that would never end, with exit code 130', async () => {
  const forever = 'SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.range + b.range = -1';
  const args = ['query', forever, '--config', bus.configPath];
  const query = startChild(process.execPath, [cliPath, ...args], bus.folder);
  // DuckDB's own threads are there when it works; if that is not seen, an earlier end is as good.
  const threads = () => {
    try {
      return readdirSync(`/proc/${query.pid}/task`).length;
    } catch {
      return 0;
    }
  };
  await eventually(threads, count => count > 12).catch(() => {});
  query.process.kill('SIGINT');
  expect(await query.ended).toEqual({ code: 130, signal: null });
  expect(query.stderr()).toBe('interrupted\n');
});

sampled('an answer of millions of rows streams: memory stays, and who has seen enough ends it', async () => {
  const sql = "SELECT range AS n, 'row ' || range AS text FROM range(3000000)";
  const out = join(bus.folder, 'rows.csv');
  const peakKb = async (...args: string[]) => {
    const script = `process.on('exit', () => console.error('peak', process.resourceUsage().maxRSS))`;
    writeFileSync(join(bus.folder, 'peak.mjs'), script);
    const node = ['--import', join(bus.folder, 'peak.mjs'), cliPath, 'query', ...args, '--config', bus.configPath];
    const child = startChild(process.execPath, node, bus.folder);
    expect((await child.ended).code).toBe(0);
    return Number(/peak (\d+)/.exec(child.stderr())?.[1]);
  };
  const small = await peakKb('SELECT 1', '--format', 'csv', '--out', out);
  const large = await peakKb(sql, '--format', 'csv', '--out', out);
  const text = readFileSync(out, 'utf8');
  expect(text.endsWith('\n2999999,row 2999999\n')).toBe(true);
  expect(text.split('\n')).toHaveLength(3_000_002);
  expect(large - small).toBeLessThan(250_000);
  const head = startChild(
    'sh',
    ['-c', `'${process.execPath}' '${cliPath}' query "${sql}" -f csv -c '${bus.configPath}' | head -2`],
    bus.folder,
  );
  expect((await head.ended).code).toBe(0);
  expect(head.stdout()).toBe('n,text\n0,row 0\n');
  expect(head.stderr()).toBe('');
});

test('the SQL comes from a file or from standard input, too', async () => {
  const sql = 'SELECT count(*) AS n\nFROM canon.things -- all of them\n';
  writeFileSync(join(bus.folder, 'count.sql'), sql);
  const fromFile = await quantbotBus(bus, 'query', '--file', join(bus.folder, 'count.sql'), '--json');
  expect(JSON.parse(fromFile.stdout)).toEqual([{ n: 3 }]);
  const asked = spawnSync(process.execPath, [cliPath, 'query', '--json', '--config', bus.configPath], { input: sql });
  expect(JSON.parse(String(asked.stdout))).toEqual([{ n: 3 }]);
  expect((await quantbotBus(bus, 'query', 'SELECT 1', '--file', 'a.sql')).stderr).toContain('not both');
  expect((await quantbotBus(bus, 'query', '--file', 'nowhere.sql')).stderr).toContain('ENOENT');
});
