// @module-tag campaign
import { hash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { startDaemon } from '@quantbot/bus-daemon';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { createLogger } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { submitArtifact } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { freePort } from '@quantbot/tooling-servers/free-port';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { fineParquet, writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, onTestFinished, test, vi } from 'vitest';
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

    test('a job of large files is sent in parts to one daemon, and goes on to the object store', async () => {
      const bus = await newCluster({ http: { listen: '127.0.0.1:0', token_file: 'token' } });
      writeFileSync(join(bus.folder, 'token'), token);
      vi.stubEnv('QUANTBOT_BUS_TOKEN', token);
      const [one, other] = [await serve(bus), await serve(bus)];
      const select = `SELECT hash(range) AS h, hash(-range) AS i FROM range(${count})`;
      const path = await writeSelect(bus.folder, select);
      const content = readFileSync(path);
      const upload = `${hash('sha256', content)}-${content.length}`;
      const ask = (url: string, method: string, more: RequestInit = {}) => {
        const headers = { Authorization: `Bearer ${token}`, ...(more.headers as object) };
        return fetch(`${url}/api/v1/uploads/${upload}`, { method, ...more, headers });
      };
      const range = { 'Content-Range': `bytes 0-999/${content.length}` };
      await ask(one, 'PUT', { body: content.subarray(0, 1000), headers: range });
      const offsets = [await ask(one, 'HEAD'), await ask(other, 'HEAD')];
      expect(offsets.map(({ headers }) => headers.get('upload-offset'))).toEqual(['1000', '0']);
      const job = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'a' };
      const submission = await submitArtifact({ busRoot: one, ...job, parquetPath: path, jobId: 'sent' });
      const { artifacts } = await submission.settled();
      expect(artifacts).toMatchObject([{ status: 'ingested', sha256: upload.slice(0, 64) }]);
      expect((await ask(one, 'HEAD')).headers.get('upload-offset')).toBe('0'); // given away
      expect(await readParquet(artifacts[0]?.canonical_path ?? '', { limit: 1 })).toHaveLength(1);
      // Another daemon knows the outcome, and takes the same job as a duplicate.
      const again = await submitArtifact({ busRoot: other, ...job, parquetPath: path });
      expect(await again.settled()).toMatchObject({ status: 'duplicate' });
      const outcome = await fetch(`${other}/api/v1/jobs/sent/outcome`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      expect(JSON.parse(((await outcome.json()) as { receipt: string }).receipt)).toMatchObject({ job_id: 'sent' });
    });

    test.skipIf(kind !== 'file')('a daemon that is killed before it has submitted a job loses nothing', async () => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const bus = await newCluster({ http: { listen: `127.0.0.1:${port}`, token_file: 'token' } });
      writeFileSync(join(bus.folder, 'token'), token);
      vi.stubEnv('QUANTBOT_BUS_TOKEN', token);
      const killed = bus.killedAt('submit:staged', 'start');
      const isUp = () =>
        fetch(`${url}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        );
      await eventually(isUp, up => up);
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
