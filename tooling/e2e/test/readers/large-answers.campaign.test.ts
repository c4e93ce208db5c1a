// @module-tag campaign
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { submitArtifact } from '@quantbot/infra/utils';
import { openCatalog, readParquet, scanParquet } from '@quantbot/storage';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test, vi } from 'vitest';
import { startServing } from '../support/http.js';

/** A bus with one table of three rows. */
async function reading(http: Record<string, unknown> = {}) {
  const bus = makeTestBus({ http });
  const served = await startServing(bus);
  const parquetPath = await produce(bus, numbers(3));
  const job = { runId: 'r1', producer: 'tests', kind: 'numbers', artifactId: 'a', schemaHint: 'canon.numbers' };
  await (await submitArtifact({ ...job, busRoot: bus.layout.root, parquetPath })).settled();
  return { bus, ...served };
}

/** What answers leave on the disk of the daemon. */
const leftovers = ({ layout }: TestBus) => readdirSync(layout.building).filter(name => /answer|spill/.test(name));

/** Each type that a query can have, with the values that are easily lost. */
const exactSql = `SELECT i AS n, 9007199254740993::BIGINT + i AS big, (170141183460469231731687303715884105727 - i)::HUGEINT AS huge,
  [-0.0::DOUBLE, 'nan', 'infinity', 0.1][i % 4 + 1] AS d, 12.50::DECIMAL(9, 2) + i AS price,
  TIMESTAMP '2026-01-01 00:00:00.000001' + INTERVAL (i) SECOND AS t, TIMESTAMP_NS '2026-01-01 00:00:00.000000001' AS ns,
  TIMESTAMPTZ '2026-01-01 00:00:00.123456+02' AS tz, DATE '1500-02-03' AS day, '\\x00\\xFF'::BLOB AS bytes,
  MAP {i: 'a'} AS m, {'a': [1, NULL], 'ü b': 'x, ''y'' "z"'} AS s, INTERVAL '-1 month 3 microseconds' AS iv,
  uuid_blob AS id, CASE WHEN i % 2 = 0 THEN 'b' ELSE 'a' END::ENUM('a', 'b') AS e, [[i], NULL, []] AS l, NULL AS nothing,
  TIME '12:34:56.789012' AS tm, '1011'::BIT AS bits, true AS yes, i AS n, $1 AS p, $2::VARCHAR[] AS q, chr(65279) || 'mark' AS mark,
  'a' || chr(0) || 'b' AS zero
  FROM range($3) t(i), (SELECT '11111111-2222-3333-4444-555555555555'::UUID AS uuid_blob) ORDER BY i DESC`;

test('an answer of any length has the values of a catalog on the same machine', async () => {
  const { bus, url } = await reading();
  await using far = await openCatalog(url);
  await using near = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const mapping = { int64: 'bigint', timestamp: 'nanos' } as const;
  const params = ["'; --", ['x', null], 12_000n];
  const [here, there] = await Promise.all([near, far].map(catalog => catalog.query(exactSql, params, mapping)));
  expect(there).toHaveLength(12_000);
  const differs = here?.findIndex((row, place) => !isDeepStrictEqual(row, there?.[place])) ?? 0;
  expect(there?.[differs]).toStrictEqual(here?.[differs]);
  expect((await far.query("SELECT repeat('x', 5000000) AS x"))[0]?.x).toHaveLength(5_000_000);
  await expect(far.query('SELECT 9007199254740993 + i AS big FROM range(100001) t(i)')).rejects.toMatchObject({
    code: 'VALUE_UNREPRESENTABLE',
  });
  await expect(far.query('SELECT union_value(a := i) AS u FROM range(100001) t(i)')).rejects.toMatchObject({
    code: 'TYPE_UNSUPPORTED',
  });
  await vi.waitFor(() => expect(leftovers(bus)).toEqual([]), 20_000);
});

test('a table without an export is read whole, with the options of a file', async () => {
  const { url, send } = await reading();
  const table = `${url}/api/v1/tables/numbers/rows.parquet`;
  const origin = { _artifact_key: 'r1/tests/numbers/a', _seq: 1 };
  const rows = [0, 1, 2].map(n => ({ n, ...origin }));
  expect(await readParquet(table)).toEqual(rows);
  expect(await readParquet(table, { columns: ['n'], where: 'n >= 2' })).toEqual([{ n: 2 }]);
  const scanned = [];
  for await (const batch of scanParquet(table)) scanned.push(...batch);
  expect(scanned).toEqual(rows);
  await expect(readParquet(`${url}/api/v1/tables/none/rows.parquet`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  expect((await send('HEAD', '/api/v1/tables/numbers/rows.parquet')).status).toBe(400);
});

test('an answer beyond the limit, and one whose caller leaves, end and leave nothing', async () => {
  const { bus, url, post, daemon } = await reading({ max_answer_bytes: 100_000 });
  const answer = await post('/api/v1/rows.parquet', { sql: 'SELECT hash(i) AS h FROM range(30000000) t(i)' });
  expect([answer.status, answer.text]).toEqual([413, expect.stringContaining('http.max_answer_bytes')]);
  for (const [sql, code] of [
    ['CREATE TABLE x AS SELECT 1', 'NOT_ONE_SELECT'],
    ["SELECT * FROM read_text('/etc/passwd')", 'OUT_OF_REACH'],
    ['SELECT nothing', 'QUERY_FAILED'],
  ])
    expect((await post('/api/v1/rows.parquet', { sql })).text, sql).toContain(code);
  const body = JSON.stringify({ sql: 'SELECT count(*) FROM range(10000000000) a, range(1000000) b WHERE hash(a) = 1' });
  const { port, host } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `POST /api/v1/rows.parquet HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await vi.waitFor(() => expect(leftovers(bus)).not.toEqual([]), 20_000);
  socket.destroy();
  await vi.waitFor(() => expect(leftovers(bus)).toEqual([]), 20_000);
  const other = connect(Number(port), '127.0.0.1');
  other.write(
    `POST /api/v1/rows HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await setTimeout(1_000);
  other.destroy();
  expect((await post('/api/v1/rows', { sql: 'SELECT 1 AS n' })).status).toBe(200);
  expect(daemon.log().filter(({ level }) => level >= 50)).toEqual([]);
});
