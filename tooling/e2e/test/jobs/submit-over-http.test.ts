import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { submitArtifact, submitArtifacts } from '@quantbot/infra/utils';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { quantbotBus } from '../support/daemon-process.js';
import { startServing } from '../support/http.js';
import { manifestOf, sender, serving, sha256, tokenFor, uploadsOf, useToken } from '../support/http-producer.js';

const job = { runId: 'r1', producer: 'tests', kind: 'numbers', artifactId: 'numbers' };

test('the library submits over HTTP, with the receipts and codes of a bus on this machine', async () => {
  const { bus, url } = await serving();
  const parquetPath = await produce(bus, numbers(3));
  const submission = await submitArtifact({ ...job, busRoot: url, parquetPath, schemaHint: 'canon.numbers' });
  expect(submission.busRoot).toBe(url);
  const receipt = await submission.settled();
  expect(receipt).toMatchObject({
    status: 'ingested',
    producer: 'tests',
    artifacts: [{ key: 'r1/tests/numbers/numbers' }],
  });
  const stored = receipt.artifacts[0]?.canonical_path as string;
  expect(readFileSync(stored).equals(readFileSync(parquetPath))).toBe(true);
  expect(statSync(stored).mode & 0o777).toBe(0o444);
  expect(uploadsOf(bus)).toEqual([]);
  // The same again, and two artifacts with the same bytes in one job.
  expect(await (await submitArtifact({ ...job, busRoot: url, parquetPath })).settled()).toMatchObject({
    status: 'duplicate',
  });
  const artifacts = ['a', 'b'].map(artifactId => ({ artifactId, parquetPath }));
  const both = await submitArtifacts({ runId: 'r2', producer: 'tests', kind: 'numbers', busRoot: url, artifacts });
  expect((await both.settled()).artifacts).toHaveLength(2);
  // Other content under the same key.
  const other = await submitArtifact({ ...job, busRoot: url, parquetPath: await produce(bus, numbers(4)) });
  await expect(other.settled()).rejects.toMatchObject({ name: 'JobRejectedError', code: 'ARTIFACT_CONFLICT' });
  await expect(submitArtifact({ ...job, producer: 'others', busRoot: url, parquetPath })).rejects.toMatchObject({
    code: 'BUS_DENIED',
    message: expect.stringContaining('may not submit as others'),
  });
  useToken('wrong');
  await expect(submitArtifact({ ...job, busRoot: url, parquetPath })).rejects.toMatchObject({ code: 'BUS_DENIED' });
});

sampled('a file that was given away is gone, and a waiting job with the same id is not submitted again', async () => {
  const { bus, url, daemon } = await serving();
  const parquetPath = await produce(bus, numbers(3));
  const copy = join(bus.folder, 'copy.parquet');
  writeFileSync(copy, readFileSync(parquetPath));
  writeToInbox(bus, { jobId: 'waits', commit: null }); // without COMMIT, the daemon lets it lie
  await expect(
    submitArtifact({ ...job, jobId: 'waits', busRoot: url, parquetPath, transfer: 'move' }),
  ).rejects.toMatchObject({ code: 'JOB_ID_IN_USE' });
  expect(existsSync(parquetPath)).toBe(true);
  const first = await submitArtifact({ ...job, jobId: 'again', busRoot: url, parquetPath, transfer: 'move' });
  expect(existsSync(parquetPath)).toBe(false);
  const second = await submitArtifact({ ...job, jobId: 'again', busRoot: url, parquetPath: copy });
  expect((await first.settled()).seq).toBeGreaterThan(0);
  await second.settled();
  await daemon.stop();
  await expect(submitArtifact({ ...job, busRoot: url, parquetPath: copy })).rejects.toMatchObject({
    code: 'SUBMIT_FAILED',
    message: expect.stringContaining('does not answer'),
  });
});

test('an upload goes on where it ended, also after a restart of the daemon', async () => {
  const { bus, daemon, ...first } = await serving();
  const bytes = readFileSync(await produce(bus, numbers(50_000, ', hash(range) AS h')));
  const { offset, put } = sender(first, first.token);
  expect(await offset(bytes)).toBe(0);
  expect(await put(bytes, 0, 1000)).toMatchObject({ status: 200, offset: 1000 });
  expect(await put(bytes, 500, 1500)).toMatchObject({ status: 409, code: 'UPLOAD_OFFSET' });
  expect(await put(bytes, 2000, 3000)).toMatchObject({ status: 409, code: 'UPLOAD_OFFSET' });
  expect(await put(bytes, 1000, 2000)).toMatchObject({ status: 200, offset: 2000 });
  await daemon.stop();
  const again = sender(await startServing(bus), first.token);
  expect(await again.offset(bytes)).toBe(2000);
  expect(await again.submit(manifestOf(bytes))).toMatchObject({ status: 409, code: 'UPLOAD_MISSING' });
  expect(await again.put(bytes, 2000)).toMatchObject({ status: 200, offset: bytes.length });
  expect(await again.put(bytes, 0)).toMatchObject({ code: 'UPLOAD_OFFSET' });
  expect(await again.submit(manifestOf(bytes))).toMatchObject({ status: 200 });
});

test('of what is wrong, nothing stays and nothing is submitted', async () => {
  const { bus, token, url } = await serving({
    limits: { max_artifact_bytes: 5000 },
    http: { uploads: { max_open: 2 } },
  });
  const { ask, put, submit } = sender({ url }, token);
  const bytes = readFileSync(await produce(bus, numbers(3)));
  const name = `${sha256(bytes)}-${bytes.length}`;
  for (const path of [
    '../x',
    `..%2f${name}`,
    `${name}%2f..`,
    name.toUpperCase(),
    `${name}.part`,
    'x-1',
    `${sha256(bytes)}-0`,
  ])
    expect([400, 403, 404], path).toContain((await ask('PUT', `/api/v1/uploads/${path}`, 'x')).status);
  const other = Buffer.from(bytes).fill(1, 4, 8);
  expect(await ask('PUT', `/api/v1/uploads/${name}`, new Uint8Array(other))).toMatchObject({
    code: 'CHECKSUM_MISMATCH',
  });
  const more = new Uint8Array([...bytes, 1]);
  expect(await ask('PUT', `/api/v1/uploads/${name}`, more)).toMatchObject({ code: 'BYTES_MISMATCH' });
  expect(await ask('PUT', `/api/v1/uploads/${'0'.repeat(64)}-5001`, 'x')).toMatchObject({
    status: 413,
    code: 'TOO_LARGE',
  });
  for (const range of ['bytes 0-9/10', `bytes 5-2/${bytes.length}`, `bytes 0-${bytes.length}/${bytes.length}`, 'x'])
    expect(await ask('PUT', `/api/v1/uploads/${name}`, 'x', { 'Content-Range': range }), range).toMatchObject({
      code: 'HTTP_REQUEST_INVALID',
    });
  expect(uploadsOf(bus)).toEqual([]);
  expect((await put(bytes)).status).toBe(200);
  for (const relpath of [
    '../../x.parquet',
    'a/b.parquet',
    '/etc/x.parquet',
    'COMMIT',
    'manifest.json',
    '.x.parquet',
    'x',
  ])
    expect(await submit(manifestOf(bytes, {}, { relpath })), relpath).toMatchObject({ code: 'MANIFEST_INVALID' });
  for (const job_id of ['../x', '', '.x'])
    expect(await submit(manifestOf(bytes, { job_id }))).toMatchObject({ code: 'MANIFEST_INVALID' });
  expect(await submit(manifestOf(bytes, {}, { sha256: undefined }))).toMatchObject({ code: 'MANIFEST_INVALID' });
  const op = { type: 'forget', artifact_keys: ['a/b/c/d'], force: true, rows: 'drop', reason: null, by: null };
  expect(await submit({ ...manifestOf(bytes), artifacts: [], op })).toMatchObject({ code: 'OPERATION_FORBIDDEN' });
  expect(await submit(manifestOf(bytes, { meta: { x: 'x'.repeat(1024 * 1024) } }))).toMatchObject({
    code: 'HTTP_TOO_LARGE',
  });
  expect(readdirSync(bus.layout.staging)).toEqual([]);
  expect(readdirSync(bus.layout.inbox)).toEqual([]);
  const start = (digit: string) => ask('PUT', `/api/v1/uploads/${digit.repeat(64)}-100`, 'x');
  expect((await Promise.all(['1', '2', '3'].map(start))).map(({ code }) => code).sort()).toEqual([
    'UPLOAD_LIMIT',
    'UPLOAD_LIMIT',
    undefined,
  ]);
});

sampled(
  'a connection that breaks again and again loses nothing, and one file can be sent many times at once',
  async () => {
    const { bus, url } = await serving();
    const parquetPath = await produce(bus, numbers(2_000_000, ', hash(range) AS h'));
    let broken = 0;
    const proxy = createServer(client => {
      const server = connect(Number(new URL(url).port), '127.0.0.1');
      let sent = 0;
      client.on('data', chunk => {
        sent += chunk.length;
        server.write(chunk);
        if (sent < 6_000_000 || broken >= 4) return;
        broken++;
        client.destroy();
      });
      server.pipe(client);
      for (const end of [client, server])
        end.on('error', () => {}).on('close', () => [client, server].map(e => e.destroy()));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void proxy.close());
    await once(proxy, 'listening');
    const busRoot = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const receipt = await (await submitArtifact({ ...job, busRoot, parquetPath })).settled();
    expect(broken).toBe(4);
    expect(receipt.artifacts[0]?.sha256).toBe(sha256(readFileSync(parquetPath)));
    const many = await Promise.all(
      ['a', 'b', 'c'].map(artifactId => submitArtifact({ ...job, artifactId, busRoot: url, parquetPath })),
    );
    const receipts = await Promise.all(many.map(submission => submission.settled()));
    expect(receipts.map(({ status }) => status)).toEqual(['ingested', 'ingested', 'ingested']);
    expect(uploadsOf(bus)).toEqual([]);
  },
);

sampled('files that no job took are removed after a time, and a link in place of a folder is refused', async () => {
  const { bus, token, url } = await serving();
  const { ask, put } = sender({ url }, token);
  const bytes = readFileSync(await produce(bus, numbers(3)));
  await put(bytes);
  await ask('PUT', `/api/v1/uploads/${'1'.repeat(64)}-100`, 'x');
  expect(uploadsOf(bus)).toHaveLength(2);
  const { stdout } = await quantbotBus(bus, 'gc', '--keep-unfinished', '1d', '--apply', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ items: [] });
  await sleep(1_100);
  const { code, stderr } = await quantbotBus(bus, 'gc', '--keep-unfinished', '1s', '--apply');
  expect(code, stderr).toBe(0);
  expect(uploadsOf(bus)).toEqual([]);
  const uploads = join(bus.layout.root, 'uploads');
  const folder = join(uploads, readdirSync(uploads)[0] as string);
  renameSync(folder, `${folder}-aside`);
  symlinkSync(bus.folder, folder);
  expect(await put(bytes)).toMatchObject({ code: 'NOT_A_FOLDER' });
});

test('no one submits without a token, not even on the machine itself', async () => {
  const { url } = await startServing(makeTestBus());
  const { ask, submit } = sender({ url }, 'none');
  expect((await ask('GET', '/api/v1/status')).status).toBe(200);
  const refused = { status: 401, code: 'HTTP_UNAUTHORIZED' };
  expect(await ask('PUT', `/api/v1/uploads/${'0'.repeat(64)}-10`, '0123456789')).toMatchObject(refused);
  expect(await submit({})).toMatchObject(refused);
  expect(await ask('GET', '/api/v1/jobs/x/outcome')).toMatchObject(refused);
});

test('a token reaches neither the files nor the outcomes of another', async () => {
  const { bus, url } = await serving();
  const theirs = sender({ url }, await tokenFor(bus, 'theirs', '--submit', 'tests'));
  const own = sender({ url }, await tokenFor(bus, 'own', '--submit', 'own'));
  const bytes = readFileSync(await produce(bus, numbers(3)));
  expect((await theirs.put(bytes)).status).toBe(200);
  expect(await own.offset(bytes)).toBe(0);
  expect(await own.submit(manifestOf(bytes))).toMatchObject({ status: 403, code: 'HTTP_FORBIDDEN' });
  expect(await own.submit(manifestOf(bytes, { producer: 'own' }))).toMatchObject({ code: 'UPLOAD_MISSING' });
  expect((await theirs.submit(manifestOf(bytes))).status).toBe(200);
  const bad = Buffer.from('no Parquet, but enough bytes of it');
  expect((await theirs.put(bad)).status).toBe(200);
  expect((await theirs.submit(manifestOf(bad, { job_id: 'bad' }))).status).toBe(200);
  const outcomeOf = async (who: typeof own, id: string) =>
    JSON.parse((await who.ask('GET', `/api/v1/jobs/${id}/outcome`)).text) as Record<string, string | null>;
  await expect
    .poll(async () => (await outcomeOf(theirs, 'job-1')).receipt, { timeout: 20_000 })
    .toContain('"ingested"');
  await expect.poll(async () => (await outcomeOf(theirs, 'bad')).reason, { timeout: 20_000 }).toContain('NOT_PARQUET');
  for (const id of ['job-1', 'bad', 'nobody'])
    expect(await outcomeOf(own, id)).toMatchObject({ receipt: null, reason: null });
  expect((await own.ask('GET', '/api/v1/jobs/..%2fx/outcome')).status).toBeGreaterThanOrEqual(400);
});
