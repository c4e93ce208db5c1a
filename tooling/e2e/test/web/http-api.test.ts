import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { fineParquet, numbers } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect, test } from 'vitest';
import { type ServingDaemon, startServing } from '../support/http.js';

interface Description {
  paths: Record<string, Record<string, unknown>>;
}

/** A bus with one item of each kind. */
async function busOfAll() {
  const charts = [{ title: 'n', sql: 'SELECT n, n FROM canon.numbers' }];
  const bus = makeTestBus({ http: { charts } });
  const serving = await startServing(bus);
  const first = await submit(bus, { runId: 'r1', jobId: 'one', schemaHint: 'canon.numbers', meta: { why: ['x', 1] } });
  await first.settled();
  const inputs = ['r1/tests/numbers/numbers'];
  const wider = numbers(5, ', 1.5::DECIMAL(9,2) AS d');
  const second = await submit(bus, { runId: 'r2', jobId: 'two', schemaHint: 'canon.numbers', inputs, select: wider });
  await second.settled();
  writeToInbox(bus, { jobId: 'bad', manifest: '{' });
  await eventually(
    async () => (await serving.get('/api/v1/status')) as { jobs: { rejected: number } },
    ({ jobs }) => jobs.rejected === 1,
  );
  writeToInbox(bus, { jobId: 'half', commit: null });
  await eventually(
    async () => (await serving.get('/api/v1/exports')) as { exports: { upToDate: boolean }[] },
    ({ exports }) => exports.length === 1 && exports[0]?.upToDate === true,
  );
  return { bus, serving };
}

test('every answer, errors too, is what openapi.json says, and there is no route that it does not have', async () => {
  const { serving } = await busOfAll();
  const document = (await serving.get('/api/v1/openapi.json')) as Description;
  const validate = validatorOf(document);
  const key = encodeURIComponent('r1/tests/numbers/numbers');
  // Each route, with a request that it answers and, if possible, one that it refuses.
  const asked: [method: string, route: string, path: string, body?: unknown][] = [
    ['get', '/api/v1/status', ''],
    ['get', '/api/v1/history', ''],
    ['get', '/api/v1/exports', ''],
    ['get', '/api/v1/charts', ''],
    ['get', '/api/v1/space', ''],
    ['get', '/api/v1/jobs', ''],
    ['get', '/api/v1/jobs', '?status=rejected&limit=1'],
    ['get', '/api/v1/jobs', '?limit=0'],
    ['get', '/api/v1/jobs', '?text=bad&code=MANIFEST_INVALID&since=2026-01-01T00:00:00%2B01:00'],
    ['get', '/api/v1/jobs', '?until=yesterday'],
    ['get', '/api/v1/jobs/{jobId}', '/api/v1/jobs/two'],
    ['get', '/api/v1/jobs/{jobId}', '/api/v1/jobs/half'],
    ['get', '/api/v1/jobs/{jobId}', '/api/v1/jobs/bad'],
    ['get', '/api/v1/jobs/{jobId}', '/api/v1/jobs/nobody'],
    ['get', '/api/v1/runs', ''],
    ['get', '/api/v1/runs', '?before=1'],
    ['get', '/api/v1/runs', '?before=x'],
    ['get', '/api/v1/artifacts', '?run=r2'],
    ['get', '/api/v1/artifacts', '?text=r2%20meta.why=1&before=9&beforeOrdinal=0&until=2030-01-01T00:00:00Z'],
    ['get', '/api/v1/artifacts', '?limit=1001'],
    ['get', '/api/v1/artifacts/{runId}/{producer}/{kind}/{artifactId}/file', '/api/v1/artifacts/a/b/c/d/file'],
    ['get', '/api/v1/uploads/{upload}', `/api/v1/uploads/${'0'.repeat(64)}-10`],
    ['get', '/api/v1/uploads/{upload}', '/api/v1/uploads/x'],
    ['put', '/api/v1/uploads/{upload}', `/api/v1/uploads/${'0'.repeat(64)}-10`, 'part'],
    ['put', '/api/v1/uploads/{upload}', `/api/v1/uploads/${'0'.repeat(64)}-10`, 'again'],
    ['post', '/api/v1/jobs', '/api/v1/jobs', {}],
    ['get', '/api/v1/jobs/{jobId}/outcome', '/api/v1/jobs/two/outcome'],
    ['get', '/api/v1/jobs/{jobId}/outcome', '/api/v1/jobs/bad/outcome'],
    ['get', '/api/v1/jobs/{jobId}/outcome', '/api/v1/jobs/..%2fx/outcome'],
    ['post', '/api/v1/operations', '', {}],
    ['get', '/api/v1/operations/{jobId}/outcome', '/api/v1/operations/two/outcome'],
    ['get', '/exports/{file}', '/exports/nothing.parquet'],
    ['get', '/api/v1/lineage', `?key=${key}&depth=3`],
    ['get', '/api/v1/lineage', ''],
    ['get', '/api/v1/preview', `?key=${key}&limit=2`],
    ['get', '/api/v1/preview', '?key=nobody'],
    ['get', '/api/v1/forget-preview', `?key=${key}`],
    ['get', '/api/v1/forget-preview', '?key=nobody'],
    ['get', '/api/v1/profile', `?key=${key}`],
    ['get', '/api/v1/profile', '?key=nobody'],
    ['post', '/api/v1/diff', '', { left: key, right: key }],
    ['post', '/api/v1/diff', '', { left: key, right: key, key: ['n'] }],
    ['post', '/api/v1/diff', '', { left: key, right: 'nobody' }],
    ['get', '/api/v1/tables', ''],
    ['get', '/api/v1/tables/{table}/history', '/api/v1/tables/numbers/history'],
    ['get', '/api/v1/tables/{table}/history', '/api/v1/tables/nothing/history'],
    ['post', '/api/v1/query', '', { sql: 'FROM canon.numbers', limit: 2 }],
    ['post', '/api/v1/query', '', { sql: 'SELEKT 1' }],
    ['post', '/api/v1/query', '', { sql: 1 }],
    ['post', '/api/v1/rows', '', { sql: 'FROM canon.numbers WHERE n = $1', params: '["list", 1]' }],
    ['post', '/api/v1/rows', '', { sql: 'SELECT 1', params: '{}' }],
    ['post', '/api/v1/rows', '', {}],
    ['post', '/api/v1/rows.parquet', '', { sql: 'SELEKT 1' }],
    ['get', '/api/v1/tables/{table}/rows.parquet', '/api/v1/tables/nothing/rows.parquet'],
    ['post', '/api/v1/rows.arrow', '', { sql: 'SELEKT 1' }],
    ['get', '/api/v1/tables/{table}/rows.arrow', '/api/v1/tables/nothing/rows.arrow'],
    ['post', '/api/v1/session', '', { token: 'any' }],
    ['post', '/api/v1/session', '', {}],
    ['post', '/api/v1/jobs/{jobId}/retry', '/api/v1/jobs/two/retry', {}],
    ['post', '/api/v1/jobs/{jobId}/retry', '/api/v1/jobs/bad/retry', {}],
  ];
  for (const [method, route, path, body] of asked) {
    const target = path.startsWith('/') ? path : route + path;
    const headers = { 'Content-Type': 'application/json' };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await serving.send(method.toUpperCase(), target, text === undefined ? {} : { headers, body: text });
    const status = answer.status === 200 ? '200' : 'default';
    expect(validate(route, method, status, answer.json()), `${method} ${target}: ${answer.text}`).toEqual([]);
  }
  const described = Object.entries(document.paths).flatMap(([path, ways]) =>
    Object.keys(ways).map(w => `${w} ${path}`),
  );
  expect(described.sort()).toEqual([...new Set(asked.map(([method, route]) => `${method} ${route}`))].sort());
});

function validatorOf(document: Description) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (formats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, 'api');
  const escaped = (text: string) =>
    text.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D');
  return (route: string, method: string, status: string, answer: unknown) => {
    const $ref = `api#/paths/${escaped(route)}/${method}/responses/${status}/content/application~1json/schema`;
    const check = ajv.compile({ $ref });
    return check(answer) ? [] : check.errors;
  };
}

test('what is answered is what the bus has', async () => {
  const { serving } = await busOfAll();
  const { bytes } = (await serving.get('/api/v1/status')) as { bytes: number };
  const all = { artifacts: 2, bytes, lastDayBytes: bytes, lastWeekBytes: bytes };
  expect(await serving.get('/api/v1/space')).toMatchObject({
    ...{ total: all, producers: [{ name: 'tests', ...all }], kinds: [{ name: 'numbers', ...all }] },
    disk: { freeBytes: expect.any(Number), minFreeBytes: 64 * 1024 ** 2 },
  });
  expect(await serving.get('/api/v1/status')).toMatchObject({
    state: 'running',
    lastSeq: 3,
    jobs: { ingested: 2, duplicate: 0, rejected: 1, done: 0 },
    artifacts: 2,
    rows: 8,
  });
  await eventually(
    async () => (await serving.get('/api/v1/status')) as { queue: object },
    ({ queue }) => JSON.stringify(queue) === '{"inbox":1,"claimed":0}',
  );
  const { jobs } = (await serving.get('/api/v1/jobs')) as { jobs: { jobId: string; state: string }[] };
  expect(jobs.map(({ jobId, state }) => [jobId, state])).toEqual([
    ['half', 'uncommitted'],
    ['bad', 'rejected'],
    ['two', 'ingested'],
    ['one', 'ingested'],
  ]);
  const { jobs: older } = (await serving.get('/api/v1/jobs?before=2')) as { jobs: { jobId: string }[] };
  expect(older.map(({ jobId }) => jobId)).toEqual(['one']);
  expect(await serving.get('/api/v1/jobs/bad')).toMatchObject({
    state: 'rejected',
    rejection: { code: 'MANIFEST_INVALID', hint: expect.stringMatching(/./), canRetry: true },
  });
  const key = 'r1/tests/numbers/numbers';
  expect(await serving.get(`/api/v1/lineage?key=${key}`)).toMatchObject({
    inputs: [],
    outputs: ['r2/tests/numbers/numbers'],
    edges: [{ from: key, to: 'r2/tests/numbers/numbers', depth: 1 }],
  });
  expect(await serving.get(`/api/v1/preview?key=${key}&limit=2`)).toEqual({
    columns: [{ name: 'n', type: 'BIGINT' }],
    rows: [[0], [1]],
    isCut: true,
  });
  expect(await serving.get('/api/v1/tables')).toMatchObject({
    tables: [
      { name: 'numbers', mode: 'append', artifacts: 2, artifactRows: 8, columns: [{ name: 'n' }, { name: 'd' }] },
    ],
  });
  const { changes } = (await serving.get('/api/v1/tables/numbers/history')) as { changes: unknown[] };
  expect(changes).toMatchObject([
    { seq: 1, changes: [{ column: 'n', from: null, to: 'BIGINT' }] },
    { seq: 2, artifactKey: 'r2/tests/numbers/numbers', changes: [{ column: 'd', from: null, to: 'DECIMAL(9,2)' }] },
  ]);
  const zero = await serving.post('/api/v1/query', { sql: 'SELECT -0.0::DOUBLE AS zero, [-0.0::DOUBLE] AS zeros' });
  expect(zero.text).toContain('"rows":[[-0.0,[-0.0]]]');
  const marked = await serving.post('/api/v1/query', { sql: "SELECT chr(65279) || 'x' AS x, [chr(65279)] AS l" });
  expect(marked.text).toContain('"rows":[["\ufeffx",["\ufeff"]]]');
  const { text } = await serving.post('/api/v1/query', { sql: 'SELECT max(d) AS d, count(*) AS n FROM canon.numbers' });
  expect(JSON.parse(text)).toEqual({
    columns: [
      { name: 'd', type: 'DECIMAL(9,2)' },
      { name: 'n', type: 'BIGINT' },
    ],
    rows: [['1.50', 8]],
    isCut: false,
  });
});

sampled('neither preview nor profile shows a value that DuckDB has cut', async () => {
  const bus = makeTestBus({ http: {} });
  const serving = await startServing(bus);
  const parquetPath = join(bus.config.busRoot, '..', 'fine.parquet');
  writeFileSync(parquetPath, fineParquet);
  await (await submit(bus, { runId: 'r1', parquetPath })).settled();
  for (const route of ['preview', 'profile'])
    await expect(serving.get(`/api/v1/${route}?key=r1/tests/numbers/numbers`)).rejects.toThrow(
      /400 .*TYPE_UNSUPPORTED.*The column at in .* has nanoseconds/,
    );
});

test('a rejected job whose cause is gone can be retried', async () => {
  const bus = makeTestBus({ limits: { max_columns: 1 } });
  const first = await startServing(bus);
  const submission = await submit(bus, { jobId: 'wide', select: numbers(3, ', 1 AS b') });
  await expect(submission.settled()).rejects.toMatchObject({ code: 'TOO_LARGE' });
  await first.daemon.stop();
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2 }));
  const serving = await startServing(bus);
  expect((await serving.post('/api/v1/jobs/wide/retry', {})).status).toBe(200);
  await eventually(
    async () => (await serving.get('/api/v1/jobs/wide')) as { state: string },
    ({ state }) => state === 'ingested',
  );
  expect((await serving.post('/api/v1/jobs/wide/retry', {})).json()).toMatchObject({
    error: { code: 'JOB_NOT_FOUND' },
  });
});

sampled('server-sent events tell the state at the beginning, and what has changed since', async () => {
  const bus = makeTestBus();
  const serving = await startServing(bus);
  const events = listen(serving);
  await eventually(events.text, text => text.includes('event: status'));
  await (await submit(bus, { runId: 'r', schemaHint: 'canon.numbers' })).settled();
  await eventually(events.text, text => /event: changed\ndata: \[.*"jobs"/.test(text) && text.includes('"lastSeq":1'));
  await eventually(events.text, text => /event: changed\ndata: \[.*"exports"/.test(text));
  await eventually(events.text, text => /event: sample\ndata: \{"at":\d+,/.test(text));
  events.end();
  expect(await serving.daemon.stop()).toEqual({ code: 0, signal: null });
});

test('a daemon with pages that listen ends at once when told to', async () => {
  const serving = await startServing(makeTestBus());
  const events = listen(serving);
  await eventually(events.text, text => text.includes('event: status'));
  expect(await serving.daemon.stop()).toEqual({ code: 0, signal: null });
});

function listen({ url }: ServingDaemon) {
  const end = new AbortController();
  let text = '';
  void fetch(`${url}/api/v1/events`, { signal: end.signal })
    .then(async ({ body }) => {
      const decoder = new TextDecoder();
      for await (const chunk of body ?? []) text += decoder.decode(chunk as Uint8Array);
    })
    .catch(() => {}); // ended
  return { text: () => text, end: () => end.abort() };
}
