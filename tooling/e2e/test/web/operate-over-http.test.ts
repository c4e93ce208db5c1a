import { readdirSync } from 'node:fs';
import {
  dropTable,
  forgetArtifacts,
  keepArtifacts,
  restoreTable,
  setAlias,
  setTableMode,
  submitArtifact,
} from '@quantbot/infra/utils';
import { openCatalog } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { startServing } from '../support/http.js';
import { sender, tokenFor, useToken } from '../support/http-producer.js';

const key = 'r1/tests/numbers/numbers';
const alias = { producer: 'tests', kind: 'numbers', alias: 'prod' };

/** A bus with one artifact, and a token to operate that the library sends. */
async function operating() {
  const bus = makeTestBus();
  const served = await startServing(bus);
  const parquetPath = await produce(bus, numbers(3));
  const job = { runId: 'r1', producer: 'tests', kind: 'numbers', artifactId: 'numbers' };
  const busRoot = bus.layout.root;
  await (await submitArtifact({ ...job, busRoot, parquetPath, schemaHint: 'canon.numbers' })).settled();
  const token = await tokenFor(bus, 'on-call', '--operate');
  useToken(token);
  return { bus, token, ...served };
}

/** The manifest of an operation. */
const operation = (more: object) => ({
  manifest_version: 1,
  job_id: 'op-1',
  run_id: 'op-1',
  producer: 'quantbot-bus',
  kind: 'operation',
  created_at_utc: '2026-11-28T05:00:00Z',
  artifacts: [],
  op: { type: 'forget', artifact_keys: [key], force: true, rows: 'drop', reason: null, by: null },
  ...more,
});

sampled('the functions of the library operate over HTTP as they do on the same machine', async () => {
  const { bus, url } = await operating();
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const options = { busRoot: url };
  const seq = await setAlias({ ...alias, key }, options);
  expect(await catalog.aliases()).toEqual([{ ...alias, key, seq }]);
  await expect(setAlias({ ...alias, key: 'r9/tests/numbers/x' }, options)).rejects.toMatchObject({
    name: 'JobRejectedError',
    code: 'OPERATION_INVALID',
  });
  await keepArtifacts({ keys: [key], by: 'a test' }, options);
  const requestedBy = async () => (await catalog.query('FROM catalog.keeps_v')).map(row => row.requested_by);
  await eventually(requestedBy, ([by]) => by === 'a test (token on-call)');
  expect(await forgetArtifacts({ keys: [key] }, options)).toMatchObject([{ key, status: 'protected' }]);
  const tables = async () => (await catalog.query('FROM catalog.tables_d')).map(row => row.table_name);
  await dropTable({ table: 'numbers' }, options);
  await eventually(tables, names => names.length === 0);
  await restoreTable({ table: 'numbers' }, options);
  await eventually(tables, names => names.includes('numbers'));
  await setTableMode({ table: 'numbers', mode: 'latest' }, options);
  const modes = async () => (await catalog.query('FROM catalog.tables_d')).map(row => row.mode);
  await eventually(modes, ([mode]) => mode === 'latest');
  expect(await forgetArtifacts({ keys: [key], force: true }, options)).toMatchObject([{ key, status: 'forgotten' }]);
});

test('without the scope operate nothing is done, and no operation is hidden in a job of a producer', async () => {
  const { bus, url, token } = await operating();
  const mine = sender({ url }, token);
  const post = (from: typeof mine, path: string, manifest: object) =>
    from.ask('POST', path, JSON.stringify(manifest), { 'Content-Type': 'application/json' });
  const producer = await tokenFor(bus, 'producer', '--read', '--submit');
  const theirs = sender({ url }, producer);
  expect(await post(theirs, '/api/v1/operations', operation({}))).toMatchObject({
    status: 403,
    code: 'HTTP_FORBIDDEN',
  });
  expect(await post(theirs, '/api/v1/jobs', operation({}))).toMatchObject({ code: 'OPERATION_FORBIDDEN' });
  expect(await post(mine, '/api/v1/jobs', operation({}))).toMatchObject({ status: 403, code: 'HTTP_FORBIDDEN' });
  for (const wrong of [
    { op: undefined },
    { op: { type: 'everything' } },
    { producer: 'tests' },
    { job_id: '../x' },
    { artifacts: [{ artifact_id: 'a', format: 'parquet', relpath: '/etc/passwd' }] },
  ])
    expect(await post(mine, '/api/v1/operations', operation(wrong)), JSON.stringify(wrong)).toMatchObject({
      status: 400,
    });
  const big = operation({ meta: { x: 'x'.repeat(2 ** 20) } });
  expect(await post(mine, '/api/v1/operations', big)).toMatchObject({ status: 413, code: 'HTTP_TOO_LARGE' });
  // An operator sees no receipt of a producer by the route of operations.
  const jobId = readdirSync(bus.layout.processed)[0] as string;
  const found = await mine.ask('GET', `/api/v1/operations/${jobId}/outcome`);
  expect(JSON.parse(found.text)).toMatchObject({ receipt: null, reason: null });
  useToken(producer);
  await expect(setAlias({ ...alias, key }, { busRoot: url })).rejects.toMatchObject({ code: 'BUS_DENIED' });
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  expect(await catalog.aliases()).toEqual([]);
  expect((await catalog.artifacts())[0]?.forgottenAt).toBeNull();
});

test('without any token on a loopback address, no one operates', async () => {
  const bus = makeTestBus();
  const { post } = await startServing(bus);
  expect((await post('/api/v1/operations', operation({}))).status).toBe(401);
  expect(readdirSync(bus.layout.inbox)).toEqual([]);
});
