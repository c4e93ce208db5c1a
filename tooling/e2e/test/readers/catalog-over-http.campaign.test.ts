// @module-tag campaign
import { submitArtifact } from '@quantbot/infra/utils';
import { type ArtifactRecord, type Catalog, openCatalog } from '@quantbot/storage';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { startServing } from '../support/http.js';
import { tokenFor, useToken } from '../support/http-producer.js';

/** A bus with two runs, a table and a rejected job, and a token to read that the library sends. */
async function reading() {
  const bus = makeTestBus();
  const served = await startServing(bus);
  const busRoot = bus.layout.root;
  const submit = async (runId: string, rows: number, inputs: string[] = []) => {
    const parquetPath = await produce(bus, numbers(rows));
    const job = { runId, producer: 'tests', kind: 'numbers', artifactId: 'a', inputs, schemaHint: 'canon.numbers' };
    return (await submitArtifact({ ...job, meta: { x: 1.5 }, busRoot, parquetPath })).settled();
  };
  await submit('r1', 3);
  await submit('r2', 4, ['r1/tests/numbers/a']);
  await expect(submit('r1', 5)).rejects.toMatchObject({ code: 'ARTIFACT_CONFLICT' });
  const read = await tokenFor(bus, 'reader', '--read');
  useToken(read);
  return { bus, submit, ...served };
}

type Reading = Awaited<ReturnType<typeof reading>>;

/** Each call of the catalog has its answer. */
async function answersEachCall(catalog: Catalog): Promise<void> {
  const [newest, oldest] = (await catalog.artifacts()) as [ArtifactRecord, ArtifactRecord];
  expect([newest.runId, newest.rows, newest.meta, oldest.runId]).toEqual(['r2', 4, { x: 1.5 }, 'r1']);
  expect(newest.committedAt).toBeInstanceOf(Date);
  expect(await catalog.latest({ producer: 'tests', kind: 'numbers' })).toEqual(newest);
  expect(await catalog.artifacts({ until: newest.committedAt, runId: 'r1' })).toEqual([oldest]);
  expect((await catalog.runs({ limit: 1 })).map(({ runId }) => runId)).toEqual(['r2']);
  const [rejected] = await catalog.jobs({ status: 'rejected' });
  expect(rejected).toMatchObject({ rejectCode: 'ARTIFACT_CONFLICT', runId: 'r1' });
  expect(await catalog.job(rejected?.jobId as string)).toEqual(rejected);
  expect(await catalog.job('none')).toBeUndefined();
  expect((await catalog.lineage(oldest.key)).outputs).toEqual([newest.key]);
  expect(await catalog.aliases()).toEqual([]);
  await using past = await catalog.asOf(oldest.seq);
  expect(await past.artifacts()).toEqual([oldest]);
  expect(await past.query('SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 3 }]);
  await using byTime = await catalog.asOf(newest.committedAt);
  expect(await byTime.query('SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 7 }]);
}

/** Values are exact, and parameters are bound. */
async function isExact(catalog: Catalog): Promise<void> {
  const sql = `SELECT 9007199254740993::BIGINT AS big, -0.0::DOUBLE AS zero, 'nan'::DOUBLE AS nan, 12.50::DECIMAL(9, 2) AS price,
    TIMESTAMP '2026-01-01 00:00:00.000001' AS t, '\\x00\\xFF'::BLOB AS bytes, MAP {1: 'a'} AS m, {'a': [1, NULL]} AS s,
    INTERVAL 1 MONTH AS i, $1::VARCHAR AS p, $2::BIGINT AS q, $3::TIMESTAMP AS d, $4::BLOB AS b, $5::VARCHAR[] AS l`;
  const date = new Date('2026-02-03T04:05:06.007Z');
  const params = ["'; --", 2n ** 62n, date, new Uint8Array([0, 255]), ['x', null]];
  const [row] = await catalog.query(sql, params, { int64: 'bigint', timestamp: 'micros' });
  expect(row).toStrictEqual({
    big: 9007199254740993n,
    zero: -0,
    nan: Number.NaN,
    price: '12.50',
    t: 1767225600000001n,
    bytes: new Uint8Array([0, 255]),
    m: new Map([[1, 'a']]),
    s: { a: [1, null] },
    i: { months: 1, days: 0, micros: 0n },
    p: "'; --",
    q: 2n ** 62n,
    d: BigInt(date.getTime()) * 1000n,
    b: new Uint8Array([0, 255]),
    l: ['x', null],
  });
  await expect(catalog.query('SELECT 9007199254740993::BIGINT AS big')).rejects.toMatchObject({
    code: 'VALUE_UNREPRESENTABLE',
  });
  await expect(catalog.query('SELECT nothing')).rejects.toMatchObject({ code: 'QUERY_FAILED' });
}

/** Watch yields what was committed, and what is committed meanwhile. */
async function watches(catalog: Catalog, runs: readonly string[], submit: Reading['submit']): Promise<void> {
  const next = `r${runs.length + 1}`;
  const seen: string[] = [];
  for await (const { runId } of catalog.watch({ since: 0 })) {
    seen.push(runId);
    if (seen.length === runs.length) await submit(next, 6);
    if (runId === next) break;
  }
  expect(seen).toEqual([...runs, next]);
}

/** After its end it is closed, and an aborted query throws the reason. */
async function closes(catalog: Catalog): Promise<void> {
  await expect(catalog.query('SELECT 1', [], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
    'enough',
  );
  const known = await catalog.runs();
  expect(known.length).toBeGreaterThan(2);
  expect(await Promise.all([1, 2, 3].map(() => catalog.runs()))).toEqual([known, known, known]);
  await catalog.close();
  await expect(catalog.runs()).rejects.toMatchObject({ code: 'CLOSED' });
}

test('one suite, two ways in: a catalog on the same machine and one over HTTP answer alike', async () => {
  const { bus, url, submit } = await reading();
  const waysIn = [() => openCatalog(url), () => openCatalog({ duckdbPath: bus.config.duckdbPath })];
  for (const open of waysIn) {
    await using catalog = await open();
    await answersEachCall(catalog);
    await isExact(catalog);
  }
  for (const [index, open] of waysIn.entries()) {
    const catalog = await open();
    await watches(catalog, ['r1', 'r2', 'r3'].slice(0, 2 + index), submit);
    await closes(catalog);
  }
});

test('over HTTP no query writes, leaves the bus, or takes more than its share; and none comes without a token', async () => {
  const { bus, url } = await reading();
  await using catalog = await openCatalog({ busRoot: url });
  for (const [sql, code, params] of [
    ['CREATE TABLE x AS SELECT 1', 'NOT_ONE_SELECT'],
    ["SELECT * FROM read_text('/etc/passwd')", 'OUT_OF_REACH'],
    ['SELECT * FROM read_text($1)', 'OUT_OF_REACH', ['/etc/passwd']],
    ['SELECT 1; SELECT 2', 'NOT_ONE_SELECT'],
  ] as const)
    await expect(catalog.query(sql, params), sql).rejects.toMatchObject({ name: 'StorageError', code });
  const bomb = JSON.stringify({ sql: 'SELECT 1', params: '['.repeat(30_000) });
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${process.env.QUANTBOT_BUS_TOKEN}` };
  const answer = await fetch(`${url}/api/v1/rows`, { method: 'POST', headers, body: bomb });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('OPTIONS_INVALID')]);
  expect(await catalog.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  useToken(await tokenFor(bus, 'producer', '--submit', '--operate'));
  await expect(openCatalog(url)).rejects.toMatchObject({ name: 'BusError', code: 'BUS_DENIED' });
  await expect(openCatalog('data/bus')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  await expect(catalog.runs()).rejects.toMatchObject({ code: 'BUS_DENIED' });
});
