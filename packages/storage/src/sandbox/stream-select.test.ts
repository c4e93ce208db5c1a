import { join } from 'node:path';
import { isInSample } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { databaseOfBus, runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { streamSelect } from './stream-select.js';

async function answer(sql: string, values: 'text' | 'json' = 'json') {
  const batches = [];
  for await (const batch of streamSelect(sql, { database: await databaseOfBus(), values })) batches.push(batch);
  return { columns: batches[0]?.columns, rows: batches.flatMap(batch => batch.rows) };
}

test('a text keeps the byte order mark that it begins with, wherever it stands', async () => {
  const sql = `WITH t AS (SELECT chr(65279) || 'x' AS t UNION ALL SELECT NULL)
SELECT t, [t, NULL], {'a': {'b c': t}, 'n': 1}, MAP {coalesce(t, 'k'): [t]} FROM t`;
  const text = '\ufeffx';
  expect((await answer(sql)).rows).toEqual([
    [text, [text, null], { a: { 'b c': text }, n: 1 }, [{ key: text, value: [text] }]],
    [null, [null, null], { a: { 'b c': null }, n: 1 }, [{ key: 'k', value: [null] }]],
  ]);
  const nothing = 'SELECT NULL::VARCHAR[], NULL::STRUCT(a VARCHAR), NULL::MAP(VARCHAR, VARCHAR), []::VARCHAR[]';
  expect((await answer(nothing)).rows).toEqual([[null, null, null, []]]);
  expect((await answer(sql, 'text')).rows[0]).toEqual([
    text,
    `[${text}, NULL]`,
    `{'a': {'b c': ${text}}, 'n': 1}`,
    `{${text}=[${text}]}`,
  ]);
});

test('the JSON of bytes is DuckDB’s text of them, which no two values share', async () => {
  const sql = String.raw`SELECT unnest(['\x00abc', '\x5Cx00abc', '\x22\x27\x7F\xFF ~'])::BLOB AS b`;
  const { rows } = await answer(sql);
  expect(rows).toEqual((await answer(sql, 'text')).rows);
  expect(rows).toEqual([['\\x00abc'], ['\\x5Cx00abc'], ['\\x22\\x27\\x7F\\xFF ~']]);
});

test('a long BLOB has its whole text', async () => {
  const [[text]] = (await answer("SELECT (repeat('x', 70000) || chr(10))::BLOB")).rows as [[string]];
  expect([text.length, text.slice(-6)]).toEqual([70_004, 'xx\\x0A']);
});

test('text in more lists than any file has is refused, with what to do', async () => {
  const inLists = (count: number) => `SELECT ${'['.repeat(count)}'x'${']'.repeat(count)} AS a`;
  expect(JSON.stringify((await answer(inLists(16))).rows[0])).toBe(`${'['.repeat(17)}"x"${']'.repeat(17)}`);
  await expect(answer(inLists(17))).rejects.toMatchObject({
    code: 'TYPE_UNSUPPORTED',
    hint: 'CAST the column to VARCHAR.',
  });
  expect((await answer(inLists(40), 'text')).rows[0]).toEqual([`${'['.repeat(40)}x${']'.repeat(40)}`]);
});

test('the first and last moments of each type have a text, wherever they stand', async () => {
  const [first, last] = ['1677-09-21 00:12:43.145224194', '2262-04-11 23:47:16.854775806'];
  const moments = [
    // Not a constant: DuckDB cannot plan a nested constant of the first day.
    ['make_timestamp_ns(-9223372036854775806 + floor(random())::BIGINT)', first],
    ['make_timestamp_ns(9223372036854775806)', last],
    ["TIMESTAMP_NS '-infinity'", '-infinity'],
    ['make_timestamp(-9223372022400000000)', '290309-12-22 (BC) 00:00:00'],
    ['make_timestamp(9223372036854775806)', '294247-01-10 04:00:54.775806'],
    ["TIMESTAMP_MS '290309-12-22 (BC) 00:00:00'", '290309-12-22 (BC) 00:00:00'],
    ["TIMESTAMP_S '294247-01-10 04:00:54'", '294247-01-10 04:00:54'],
    ['make_timestamp(-9223372022400000000)::TIMESTAMPTZ', '290309-12-22 (BC) 00:00:00+00'],
  ];
  const quoted = (text: string) => (text.endsWith('infinity') ? text : `'${text}'`);
  const columns = moments.map(([sql]) => `${sql}, [${sql}], {'a': [${sql}]}, MAP {${sql}: ${sql}}`);
  const { rows } = await answer(`SELECT ${columns.join(', ')}`, 'text');
  expect(rows).toEqual([
    moments.flatMap(([, text = '']) => {
      const inside = quoted(text);
      return [text, `[${inside}]`, `{'a': [${inside}]}`, `{${inside}=${inside}}`];
    }),
  ]);
});

test('columns have their names, also when two share one, and their types, also when there are no rows', async () => {
  expect(await answer("SELECT 1 AS a, 'x' AS a, NULL::DECIMAL(9,2) AS d WHERE false")).toEqual({
    columns: [
      { name: 'a', type: 'INTEGER' },
      { name: 'a', type: 'VARCHAR' },
      { name: 'd', type: 'DECIMAL(9,2)' },
    ],
    rows: [],
  });
});

test('rows come all and in the order of the query, in either form', async () => {
  const sql = 'SELECT range AS n FROM range(300000) ORDER BY hash(range)';
  const { rows } = await answer(sql);
  expect(rows).toHaveLength(300_000);
  expect(new Set(rows.map(([n]) => n)).size).toBe(300_000);
  const [first] = (await answer(`${sql} LIMIT 1`)).rows;
  expect(rows[0]).toEqual(first);
  expect((await answer(`${sql} LIMIT 1 ;\n`, 'text')).rows).toEqual([[String(first?.[0])]]);
});

test.each([
  [
    'nested values',
    "SELECT [1, NULL], {'a': 1.5::DECIMAL(9,2)}, MAP {'k': DATE '2026-01-31'}",
    [[1, null], { a: '1.50' }, [{ key: 'k', value: '2026-01-31' }]],
  ],
  [
    'integers to both sides of 2^53',
    'SELECT 9007199254740991, 9007199254740992, -9007199254740993',
    [9007199254740991, '9007199254740992', '-9007199254740993'],
  ],
  [
    'times with nanoseconds',
    "SELECT '2026-01-31 12:00:00.123456789'::TIMESTAMP_NS, '2026-01-31 12:00:00+02'::TIMESTAMPTZ",
    ['2026-01-31T12:00:00.123456789Z', '2026-01-31T10:00:00Z'],
  ],
  ['what JSON has no number for', "SELECT 'inf'::DOUBLE, '-infinity'::TIMESTAMP", ['Infinity', '-infinity']],
])('%s lose nothing', async (_what, sql, row) => {
  expect((await answer(sql)).rows).toEqual([row]);
});

test.each([
  ["'infinity'::DATE", 'infinity'],
  ["'-infinity'::DATE", '-infinity'],
  ["'0044-03-15 (BC)'::DATE", '-000043-03-15'],
  ["'5881580-07-10'::DATE", '+5881580-07-10'],
  ["['-infinity'::DATE]", ['-infinity']],
  ["{'d': 'infinity'::DATE}", { d: 'infinity' }],
  ["MAP {'infinity'::DATE: 1}", [{ key: 'infinity', value: 1 }]],
  ["'infinity'::TIMESTAMP_S", 'infinity'],
  ["'infinity'::TIMESTAMP_MS", 'infinity'],
  ["'-infinity'::TIMESTAMP_NS", '-infinity'],
  ["'-infinity'::TIMESTAMPTZ", '-infinity'],
  ["'0044-03-15 (BC) 12:00:00.5'::TIMESTAMP_MS", '-000043-03-15T12:00:00.5Z'],
  ["'12345-06-07 00:00:00'::TIMESTAMP_S", '+012345-06-07T00:00:00Z'],
  ['make_timestamp(-9223372036854775806)', '-290308-12-21T19:59:05.224194Z'],
  ['make_timestamp(9223372036854775806)', '+294247-01-10T04:00:54.775806Z'],
  ["'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS", '1969-12-31T23:59:59.999999999Z'],
  ["'24:00:00'::TIME", '24:00:00'],
])('the JSON of %s is %j', async (sql, json) => {
  expect((await answer(`SELECT ${sql} AS x`)).rows).toEqual([[json]]);
});

test.each([
  ['make_timestamp(-9223372036854775806)', '290309-12-21 (BC) 19:59:05.224194'],
  ['make_timestamptz(9223372036854775806)', '294247-01-10 04:00:54.775806+00'],
  ["'infinity'::TIMESTAMPTZ", 'infinity'],
  ["'-infinity'::TIMESTAMP", '-infinity'],
  ["'24:00:00'::TIME", '24:00:00'],
])('the text of %s is %s', async (sql, text) => {
  expect((await answer(`SELECT ${sql} AS x`, 'text')).rows).toEqual([[text]]);
});

test.each(['TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'TIME'])('the text of any %s is DuckDB’s', async type => {
  const moments = `SELECT CAST(make_timestamp((hash(range) % 40000000000000000)::BIGINT - 20000000000000000) AS ${type}) AS x FROM range(2000)`;
  const { rows } = await answer(`SELECT x, CAST(x AS VARCHAR) FROM (${moments})`, 'text');
  expect(rows.map(([x]) => x)).toEqual(rows.map(([, text]) => text));
});

test.each([
  ['text', "SELECT '00:00:00'::TIME AS fine, 1 AS n"],
  ['json', 'SELECT row(1, 2) AS x'],
  ['json', "SELECT {'__proto__': 1} AS x"],
] as const)('as %s: %s', async (values, sql) => {
  const rows = answer(sql, values);
  if (values === 'text') expect((await rows).rows).toEqual([['00:00:00', '1']]);
  else
    await expect(rows).rejects.toMatchObject({
      code: 'TYPE_UNSUPPORTED',
      message: expect.stringContaining('column x'),
    });
});

test.each([
  ['DESCRIBE SELECT 1 AS a', 'a'],
  ['SUMMARIZE SELECT 1 AS a', 'a'],
  ['WITH t AS (SELECT 1) FROM t', 1],
  ['VALUES (1)', 1],
  ['SELECT 1 -- a comment at the end', 1],
])('%s is a query, too', async (sql, first) => {
  expect((await answer(sql)).rows[0]?.[0]).toEqual(first);
});

test.each(['SELECT ?', 'SELECT $name AS n', 'SELECT * FROM range(?)'])('%s lacks a value', async sql => {
  await expect(answer(sql)).rejects.toMatchObject({
    code: 'QUERY_FAILED',
    message: expect.stringContaining('has parameters'),
  });
});

test('a signal ends the query with its reason', async () => {
  const end = new AbortController();
  const sql = 'SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.range + b.range = -1';
  const batches = streamSelect(sql, { database: await databaseOfBus(), values: 'text', signal: end.signal });
  await batches.next();
  const next = batches.next();
  end.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
});

test('a database that is no bus’s is told as such', async () => {
  const path = join(temporaryFolder(), 'other.duckdb');
  await runIn(path, 'CREATE TABLE x (a INT)');
  const batches = streamSelect('SELECT 1', { database: path, values: 'text' });
  await expect(batches.next()).rejects.toMatchObject({ code: 'CATALOG_NOT_FOUND' });
});

const answerTooLarge = { code: 'ANSWER_TOO_LARGE', hint: expect.stringContaining('left(text, 1000)') };

test.skipIf(!isInSample('long text'))(
  'a text that JavaScript cannot hold is refused, wherever it stands',
  { tags: ['campaign'], timeout: 120_000 },
  async () => {
    // Not a constant, which DuckDB would compute again in each of its plans.
    const long = "repeat('x', n::INTEGER)";
    const from = 'FROM (SELECT 536870889 + floor(random()) AS n)';
    await expect(answer(`SELECT {'a': [${long}]} ${from}`)).rejects.toMatchObject(answerTooLarge);
    await expect(answer(`SELECT [${long}] ${from}`, 'text')).rejects.toMatchObject(answerTooLarge);
  },
);
