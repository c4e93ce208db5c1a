// @module-tag campaign
import { hash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { startDaemon } from '@quantbot/bus-daemon';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { createLogger } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { submitArtifact, submitArtifacts } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { freePort } from '@quantbot/tooling-servers/free-port';
import { startChild } from '@quantbot/tooling-testing/child';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { fineParquet, writeSelect } from '@quantbot/tooling-testing/parquet';
import { hasPython, pythonEnvironment } from '@quantbot/tooling-testing/python';
import { expect, onTestFinished, test, vi } from 'vitest';
import { balance } from './support/balancer.js';
import { describeClusters, type NewCluster, type TestCluster } from './support/cluster.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const count = 200_000;
const token = 'a-token-of-a-test-0123456789';

/** Starts a daemon of a cluster in this process, and returns the URL of its server. */
async function serve({ config }: Pick<TestCluster, 'config'>): Promise<string> {
  const daemon = await startDaemon({ config: findBusConfig({ config }).config, logger });
  onTestFinished(() => daemon.stop());
  return daemon.url ?? '';
}

/** A cluster with one table of {@link count} rows, and a daemon that serves it. */
async function served(newCluster: NewCluster) {
  const bus = await newCluster({ http: { listen: '127.0.0.1:0' } });
  const url = await serve(bus);
  const parquetPath = await writeSelect(bus.folder, `SELECT range AS n, hash(range) AS h FROM range(${count})`);
  const job = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'a', schemaHint: 'canon.numbers', parquetPath };
  const receipt = await (await submitArtifact({ busRoot: bus.objects, ...job })).settled();
  const [artifact] = receipt.artifacts;
  const urls = { artifact: `${url}/api/v1/artifacts/r/p/k/a/file`, export: `${url}/exports/numbers.parquet` };
  await eventually(
    async () => (await fetch(urls.export, { method: 'HEAD' })).status,
    status => status === 200,
  );
  return { bus, url, urls, path: artifact?.canonical_path ?? '', sha256: artifact?.sha256 ?? '' };
}

/** Two daemons of a cluster, and a request with the token of a test. */
async function twoDaemons(newCluster: NewCluster, http: object = {}) {
  const bus = await newCluster({ http: { listen: '127.0.0.1:0', token_file: 'token', ...http } });
  writeFileSync(join(bus.folder, 'token'), token);
  vi.stubEnv('QUANTBOT_BUS_TOKEN', token);
  const daemons = [await serve(bus), await serve(bus)];
  const ask = (url: string, path: string, more: RequestInit = {}) =>
    fetch(`${url}${path}`, { ...more, headers: { Authorization: `Bearer ${token}`, ...(more.headers as object) } });
  return { bus, daemons, ask };
}

/** Submits two files, and prints their rows. */
const producer = `
import json, sys
from quantbot_bus import Artifact, submit_artifacts
root, *files = sys.argv[1:]
artifacts = [Artifact(f"a{i}", file) for i, file in enumerate(files)]
job = submit_artifacts(artifacts, bus_root=root, run_id="py", producer="p", kind="k")
print(json.dumps([artifact.rows for artifact in job.settled(timeout_s=60).artifacts]))
`;

const isUp = (url: string) =>
  fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );

/** DuckDB as any program has it, with the extension that reads over HTTP. */
async function duckdb() {
  const { folder } = duckdbExtensions() as { folder: string };
  const file = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find(name =>
    name.endsWith('/httpfs.duckdb_extension'),
  );
  const { connection, close } = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  onTestFinished(close);
  await connection.run(`LOAD '${join(folder, file ?? '')}'`);
  return connection;
}

describeClusters(
  'the files of a cluster over HTTP',
  (newCluster, kind) => {
    test('an artifact and an export are read whole, in parts, by DuckDB, and by those who leave', async () => {
      const { bus, urls, url, path, sha256 } = await served(newCluster);
      const whole = await fetch(urls.artifact);
      const content = Buffer.from(await whole.arrayBuffer());
      expect(hash('sha256', content)).toBe(sha256);
      expect(content.length).toBeGreaterThan(1024 * 1024); // more than the daemon reads at once
      expect(whole.headers.get('etag')).toBe(`"${sha256}"`);
      expect(whole.headers.get('cache-control')).toContain('immutable');
      const part = await fetch(urls.artifact, { headers: { Range: 'bytes=1000000-1099999' } });
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes 1000000-1099999/${content.length}`,
      ]);
      expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(1_000_000, 1_100_000))).toBe(true);
      const head = await fetch(urls.artifact, { method: 'HEAD' });
      expect(head.headers.get('content-length')).toBe(String(content.length));
      const again = await fetch(urls.export, {
        headers: { 'If-None-Match': (await fetch(urls.export, { method: 'HEAD' })).headers.get('etag') ?? '' },
      });
      expect(again.status).toBe(304);
      const sql = `SELECT count(*)::INTEGER AS all, max(a.n)::INTEGER AS last
        FROM read_parquet('${urls.artifact}') a JOIN read_parquet('${urls.export}') e USING (n, h)`;
      expect(await query(await duckdb(), sql)).toEqual([{ all: count, last: count - 1 }]);
      expect(await readParquet(urls.export, { columns: ['n'], limit: 2 })).toHaveLength(2);
      const pair = JSON.stringify({ left: 'r/p/k/a', right: 'r/p/k/a' });
      const headers = { 'Content-Type': 'application/json' };
      const compared = await fetch(`${url}/api/v1/diff`, { method: 'POST', body: pair, headers });
      expect(await compared.json()).toMatchObject({ equal: true, rows: { leftRows: count } });
      expect(JSON.parse(await bus.done('diff', 'r/p/k/a', 'r/p/k/a', '--json'))).toMatchObject({ equal: true });
      const preview = await fetch(`${url}/api/v1/preview?key=r/p/k/a&limit=1`);
      expect(await preview.json()).toMatchObject({ rows: [[0, expect.anything()]] });
      const profile = await fetch(`${url}/api/v1/profile?key=r/p/k/a`);
      const { rows } = (await profile.json()) as { rows: unknown[][] };
      expect(rows.map(([name, type]) => [name, type])).toEqual([
        ['n', 'BIGINT'],
        ['h', 'UBIGINT'],
      ]);
      const parquetPath = join(bus.folder, 'fine.parquet');
      writeFileSync(parquetPath, fineParquet);
      const fine = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'fine', parquetPath };
      await (await submitArtifact({ busRoot: bus.objects, ...fine })).settled();
      for (const route of ['preview', 'profile']) {
        const refused = await fetch(`${url}/api/v1/${route}?key=r/p/k/fine`);
        expect([refused.status, await refused.json()]).toMatchObject([
          400,
          {
            error: { code: 'TYPE_UNSUPPORTED', message: expect.stringMatching(/^The column at in .* has nanoseconds/) },
          },
        ]);
      }
      const open = () => new Promise<IncomingMessage>(resolve => get(urls.artifact, { agent: false }, resolve));
      const left = await Promise.all(Array.from({ length: 40 }, open));
      for (const answer of left) answer.destroy();
      // All have one address, whose connections are limited.
      await eventually(
        async () => (await fetch(urls.artifact, { headers: { Range: 'bytes=0-3' } })).text(),
        text => text === 'PAR1',
      );
      const objects = await openObjects(bus.objects);
      await objects.remove([path.slice(path.indexOf('/store/') + 1)]);
      const gone = await fetch(urls.artifact);
      expect([gone.status, await gone.json()]).toMatchObject([500, { error: { code: 'FILE_DAMAGED' } }]);
      const none = await fetch(urls.artifact.replace('/a/file', '/b/file'));
      expect([none.status, await none.json()]).toMatchObject([404, { error: { code: 'ARTIFACT_NOT_FOUND' } }]);
    });

    test('any daemon goes on with a file, and takes its job', async () => {
      const { bus, daemons, ask } = await twoDaemons(newCluster);
      const [one = '', other = ''] = daemons;
      const path = await writeSelect(bus.folder, `SELECT hash(range) AS h, hash(-range) AS i FROM range(${count})`);
      const content = readFileSync(path);
      const upload = `/api/v1/uploads/${hash('sha256', content)}-${content.length}`;
      const put = (url: string, first: number, end: number) => {
        const headers = { 'Content-Range': `bytes ${first}-${end - 1}/${content.length}` };
        return ask(url, upload, { method: 'PUT', body: content.subarray(first, end), headers });
      };
      await put(one, 0, 1000);
      await put(other, 1000, 2000);
      const early = await put(one, 1000, 2000);
      expect([early.status, await early.json()]).toMatchObject([409, { error: { code: 'UPLOAD_OFFSET' } }]);
      const offsets = async () =>
        (await Promise.all(daemons.map(url => ask(url, upload, { method: 'HEAD' })))).map(({ headers }) =>
          headers.get('upload-offset'),
        );
      expect(await offsets()).toEqual(['2000', '2000']);
      const copies = readdirSync(bus.folder, { recursive: true, encoding: 'utf8' }).filter(name =>
        name.endsWith('.part'),
      );
      expect(copies.map(name => statSync(join(bus.folder, name)).size)).toEqual([2000, 2000]); // whoever asked
      const job = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'a' };
      const submission = await submitArtifact({ busRoot: one, ...job, parquetPath: path, jobId: 'sent' });
      const { artifacts } = await submission.settled();
      expect(artifacts).toMatchObject([{ status: 'ingested', sha256: hash('sha256', content) }]);
      expect([await offsets(), await bus.names('uploads/')]).toEqual([['0', '0'], []]);
      expect(await readParquet(artifacts[0]?.canonical_path ?? '', { limit: 1 })).toHaveLength(1);
      // The other daemon knows the outcome, and takes the same job as a duplicate.
      const again = await submitArtifact({ busRoot: other, ...job, parquetPath: path });
      expect(await again.settled()).toMatchObject({ status: 'duplicate' });
      const outcome = await ask(other, '/api/v1/jobs/sent/outcome');
      expect(JSON.parse(((await outcome.json()) as { receipt: string }).receipt)).toMatchObject({ job_id: 'sent' });
    });

    test('clients come through a balancer that sends each request to another daemon', async () => {
      const { bus, daemons } = await twoDaemons(newCluster);
      const { url, counts } = await balance(...daemons);
      // More than the 8 MB of one request.
      const large = await writeSelect(bus.folder, 'SELECT hash(range) AS h FROM range(2500000)');
      const small = await writeSelect(bus.folder, 'SELECT 1 AS x');
      const artifacts = [large, small].map((parquetPath, i) => ({ artifactId: `a${i}`, parquetPath }));
      const submission = await submitArtifacts({ busRoot: url, runId: 'ts', producer: 'p', kind: 'k', artifacts });
      expect((await submission.settled()).artifacts.map(({ rows }) => rows)).toEqual([2_500_000, 1]);
      if (hasPython) {
        const { ended, stdout, stderr } = startChild('python3', ['-c', producer, url, large, small], bus.folder, {
          ...pythonEnvironment,
          QUANTBOT_BUS_TOKEN: token,
        });
        expect(await ended, stderr()).toMatchObject({ code: 0 });
        expect(JSON.parse(stdout())).toEqual([2_500_000, 1]);
      }
      expect(Math.min(...counts)).toBeGreaterThan(5);
      expect(await bus.names('uploads/')).toEqual([]);
    });

    test('a file is finished by another daemon after its own was killed', async () => {
      const bus = await newCluster({ http: { listen: '127.0.0.1:0', token_file: 'token' } });
      writeFileSync(join(bus.folder, 'token'), token);
      vi.stubEnv('QUANTBOT_BUS_TOKEN', token);
      const port = await freePort();
      const killed = bus.killedAt('upload:shared', 'start', '--http', `127.0.0.1:${port}`);
      const url = `http://127.0.0.1:${port}`;
      await eventually(() => isUp(url), Boolean);
      const other = await serve(bus);
      const balanced = await balance(url, other, other); // the first one gets the third part
      const parquetPath = await writeSelect(bus.folder, 'SELECT hash(range) AS h FROM range(2500000)');
      const job = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'a', parquetPath };
      const submitted = submitArtifact({ busRoot: balanced.url, ...job });
      submitted.catch(() => {}); // awaited below
      await killed;
      expect(await (await submitted).settled()).toMatchObject({ artifacts: [{ status: 'ingested', rows: 2_500_000 }] });
    });

    test('a token has its limits once, not once for each daemon', async () => {
      const { daemons, ask } = await twoDaemons(newCluster, { uploads: { max_open: 2, max_bytes_per_day: 2_000 } });
      const send = async (daemon: number, content: string) => {
        const path = `/api/v1/uploads/${hash('sha256', content)}-${content.length}`;
        const answer = await ask(daemons[daemon] ?? '', path, { method: 'PUT', body: content });
        return ((await answer.json()) as { error?: { message: string } }).error?.message ?? 'taken';
      };
      expect(await send(0, 'a'.repeat(900))).toBe('taken');
      expect(await send(1, 'b'.repeat(1_200))).toContain('2000 bytes a day');
      expect(await send(1, 'c')).toBe('taken');
      expect(await send(0, 'd')).toContain('2 other files are open');
    });

    test.skipIf(kind !== 'file')('a daemon that is killed before it has submitted a job loses nothing', async () => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const bus = await newCluster({ http: { listen: `127.0.0.1:${port}`, token_file: 'token' } });
      writeFileSync(join(bus.folder, 'token'), token);
      vi.stubEnv('QUANTBOT_BUS_TOKEN', token);
      const killed = bus.killedAt('submit:staged', 'start');
      await eventually(() => isUp(url), Boolean);
      const parquetPath = await writeSelect(bus.folder, 'SELECT 1 AS x');
      const job = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'a', parquetPath };
      const submitted = submitArtifact({ busRoot: url, ...job });
      submitted.catch(() => {}); // awaited below
      await killed;
      expect([await bus.names('store/'), await bus.names('inbox/')]).toMatchObject([[expect.any(String)], []]);
      const workFolders = () => readdirSync(bus.folder).filter(name => name.startsWith('quantbot-bus-'));
      const [left] = workFolders();
      await serve(bus);
      expect(workFolders()).toEqual([expect.not.stringMatching(left ?? '')]);
      expect(await (await submitted).settled()).toMatchObject({ status: 'ingested' });
    });
  },
  ['campaign'],
);
