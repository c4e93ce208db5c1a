import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { quantbotBus } from '../support/daemon-process.js';
import { type ServingDaemon, startServing } from '../support/http.js';

const artifact = '/api/v1/artifacts/r1/tests/numbers/numbers/file';

/** A bus with an artifact and its golden export. */
async function served(settings: Record<string, unknown> = {}) {
  const bus = makeTestBus(settings);
  const serving = await startServing(bus);
  const { artifacts } = await (await submit(bus, { runId: 'r1', schemaHint: 'canon.numbers' })).settled();
  await exported(serving, 1);
  return { bus, serving, path: artifacts[0]?.canonical_path as string };
}

const exported = ({ get }: ServingDaemon, seq: number) =>
  eventually(
    async () => (await get('/api/v1/exports')) as { exports: { asOfSeq: number | null; upToDate: boolean }[] },
    ({ exports }) => exports.length > 0 && exports.every(({ asOfSeq }) => asOfSeq === seq),
  );

async function ask({ url }: ServingDaemon, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(url + path, { headers, method });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const code = () => (JSON.parse(bytes.toString()) as { error: { code: string } }).error.code;
  return { status: answer.status, headers: Object.fromEntries(answer.headers), bytes, code };
}

test('the file of an artifact is sent whole or in part, and its tag is its hash', async () => {
  const { serving, path } = await served();
  const content = readFileSync(path);
  const etag = `"${createHash('sha256').update(content).digest('hex')}"`;
  const whole = await ask(serving, artifact);
  expect(whole.bytes.equals(content)).toBe(true);
  expect(whole.headers).toMatchObject({
    etag,
    'content-length': String(content.length),
    'content-type': 'application/vnd.apache.parquet',
    'content-disposition': 'attachment; filename="numbers.parquet"',
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  });
  const head = await ask(serving, artifact, {}, 'HEAD');
  // The client closes the connection of a HEAD, so that only these headers differ.
  const { date: _, connection: _c, 'keep-alive': _k, ...headers } = whole.headers;
  expect(head).toMatchObject({ status: 200, headers });
  expect(head.bytes.length).toBe(0);
  const part = await ask(serving, artifact, { Range: 'bytes=-8', 'If-Range': etag });
  expect([part.status, part.headers['content-range'], part.headers['content-length'], part.bytes]).toEqual([
    206,
    `bytes ${content.length - 8}-${content.length - 1}/${content.length}`,
    '8',
    content.subarray(-8),
  ]);
  const headOfPart = await ask(serving, artifact, { Range: 'bytes=0-3' }, 'HEAD');
  expect([headOfPart.status, headOfPart.headers['content-length']]).toEqual([206, '4']);
  const beyond = await ask(serving, artifact, { Range: `bytes=${content.length}-` });
  expect([beyond.status, beyond.code(), beyond.headers['content-range']]).toEqual([
    416,
    'HTTP_RANGE_INVALID',
    `bytes */${content.length}`,
  ]);
  const known = await ask(serving, artifact, { 'If-None-Match': etag });
  expect([known.status, known.headers.etag, known.bytes.length]).toEqual([304, etag, 0]);
  const changed = await ask(serving, artifact, { 'If-Match': '"x"' });
  expect([changed.status, changed.code()]).toEqual([412, 'HTTP_FILE_CHANGED']);
  expect((await ask(serving, artifact, { Range: 'bytes=0-3', 'If-Range': '"x"' })).bytes.length).toBe(content.length);
});

test('an export is sent as it is now, and its tag changes with it', async () => {
  const { bus, serving } = await served();
  const path = join(bus.config.export.exportDir, 'numbers.parquet');
  const first = await ask(serving, '/exports/numbers.parquet');
  expect(first.bytes.equals(readFileSync(path))).toBe(true);
  expect(first.headers).toMatchObject({ 'cache-control': 'private, no-cache', 'accept-ranges': 'bytes' });
  const etag = first.headers.etag as string;
  expect((await ask(serving, '/exports/numbers.parquet', { 'If-None-Match': etag })).status).toBe(304);
  await (await submit(bus, { runId: 'r2', schemaHint: 'canon.numbers' })).settled();
  await exported(serving, 2);
  const next = await ask(serving, '/exports/numbers.parquet', { 'If-None-Match': etag });
  expect(next.status).toBe(200);
  expect(next.headers.etag).not.toBe(etag);
  expect(next.bytes.equals(readFileSync(path))).toBe(true);
  const late = await ask(serving, '/exports/numbers.parquet', { 'If-Match': etag, Range: 'bytes=0-3' });
  expect(late.code()).toBe('HTTP_FILE_CHANGED');
  rmSync(path);
  expect((await ask(serving, '/exports/numbers.parquet')).code()).toBe('HTTP_NOT_FOUND');
});

test('no name leads to another file', async () => {
  const { bus, serving } = await served({ export: { min_interval_s: 0, tables: { numbers: { layout: 'dataset' } } } });
  writeFileSync(join(bus.folder, 'secret.parquet'), 'secret');
  symlinkSync(join(bus.folder, 'secret.parquet'), join(bus.config.export.exportDir, 'linked.parquet'));
  for (const path of [
    '/exports/numbers.parquet', // a folder
    '/exports/linked.parquet',
    '/exports/../secret.parquet',
    '/exports/..%2f..%2fsecret.parquet',
    '/exports/..%5csecret.parquet',
    '/exports/%2e%2e/secret.parquet',
    '/exports/numbers%00.parquet',
    '/exports/_export_status.json',
    '/exports/numbers',
    '/exports/',
    '/api/v1/artifacts/..%2f..%2f..%2fsecret.parquet/tests/numbers/numbers/file',
    '/api/v1/artifacts/r1/tests/numbers/%2e%2e/file',
    '/api/v1/artifacts/r1/tests/numbers/numbers%2f..%2f..%2fbus.json/file',
    '/api/v1/artifacts/r1/tests/numbers/other/file',
  ]) {
    const answer = await serving.send('GET', path);
    expect([400, 404], `${path}: ${answer.text}`).toContain(answer.status);
    expect(answer.text).not.toContain('secret"');
  }
});

sampled('an artifact that was forgotten is not sent, and a damaged one is told', async () => {
  const { bus, serving, path } = await served();
  await (await submit(bus, { runId: 'r2', artifactId: 'numbers' })).settled();
  expect((await ask(serving, artifact)).status).toBe(200);
  const aside = `${path}.aside`;
  renameSync(path, aside);
  const missing = await ask(serving, artifact);
  expect([missing.status, missing.code()]).toEqual([500, 'FILE_DAMAGED']);
  renameSync(aside, path);
  const { code, stderr } = await quantbotBus(bus, 'forget', 'r1/tests/numbers/numbers', '--apply');
  expect(code, stderr).toBe(0);
  await eventually(
    () => ask(serving, artifact),
    ({ status }) => status === 404,
  );
  const second = artifact.replace('r1', 'r2');
  const file = join(bus.layout.store, 'tests/numbers/r2@numbers.parquet');
  chmodSync(file, 0o644);
  truncateSync(file, 8);
  expect((await ask(serving, second)).code()).toBe('FILE_DAMAGED');
});
