import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Postgres } from '@quantbot/bus-cluster';
import { type Daemon, startDaemon } from '@quantbot/bus-daemon';
import { createLogger } from '@quantbot/infra';
import { submitOperation } from '@quantbot/infra/bus';
import { findBusConfig } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { runIn } from '@quantbot/tooling-testing/old-database';
import { expect, onTestFinished, test } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';

const day = 86_400_000;

/** Sets the age of an object in a folder. */
function age({ folder }: TestCluster, key: string, ms: number): void {
  const at = (Date.now() - ms) / 1000;
  utimesSync(join(folder, 'objects', key), at, at);
}

function put({ folder }: TestCluster, key: string): string {
  const path = join(folder, 'objects', key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'x');
  return key;
}

/** Listens to events. The result returns what was received. */
async function listen(url: string, signal: AbortSignal): Promise<() => string> {
  const events = await fetch(url, { signal });
  let heard = '';
  const listening = async () => {
    for await (const chunk of events.body ?? []) heard += Buffer.from(chunk).toString();
  };
  listening().catch(() => {}); // the signal ends it
  return () => heard;
}

async function collected(bus: TestCluster, ...args: string[]): Promise<{ kind: string; path: string }[]> {
  const { items } = JSON.parse(await bus.done('gc', '--json', ...args));
  return items.map(({ kind, path }: { kind: string; path: string }) => ({ kind, path }));
}

describeClusters(
  "an operator's tools",
  (newCluster, kind) => {
    test.skipIf(kind !== 'file')('gc removes what nothing names once it is old, and nothing else', async () => {
      const bus = await newCluster();
      for (const i of [0, 1]) await bus.submit(`job-${i}`, i);
      await bus.done('start', '--drain');
      await bus.done('rebuild'); // the files of the earlier lake become leftovers
      await bus.submit('waiting', 2);
      const old = [
        ...(await bus.names('store/')),
        ...(await bus.names('lake/')),
        ...(await bus.names('receipts/')),
        put(bus, 'store/p/k/gone@a.0123456789abcdef.parquet'),
        put(bus, 'store/no name of ours'),
        put(bus, 'lake/ticks/1-1~0.parquet'),
        put(bus, 'uploads/t~1/abc-9/0000000000000000-5'),
      ];
      for (const key of old) age(bus, key, 2 * day);
      age(bus, 'receipts/job-0.json', 31 * day);
      const young = [
        put(bus, 'store/p/k/young@a.0123456789abcdef.parquet'),
        put(bus, 'lake/ticks/2-2~0.parquet'),
        put(bus, 'uploads/t~1/abc-9/0000000000000005-9'),
      ];
      for (const key of young) age(bus, key, day / 48);
      await bus.pg.query(
        `INSERT INTO bus.members (daemon, host, pid, version, last_seen) VALUES ('killed', 'h', 1, '1', now() - interval '2 days'), ('runs', 'h', 2, '1', now())`,
      );
      const found = await collected(bus, '--keep-unfinished', '0s');
      const lake = (await bus.names('lake/')).filter(
        key => /~0\.parquet$/.test(key) || found.some(({ path }) => path === key),
      );
      expect(found).toEqual([
        { kind: 'processed', path: 'receipts/job-0.json' },
        { kind: 'staging', path: 'uploads/t~1/abc-9/0000000000000000-5' },
        { kind: 'orphan', path: 'store/no name of ours' },
        { kind: 'orphan', path: 'store/p/k/gone@a.0123456789abcdef.parquet' },
        ...lake.filter(key => !young.includes(key)).map(path => ({ kind: 'lake', path })),
        { kind: 'daemon', path: 'killed' },
      ]);
      expect(found.filter(item => item.kind === 'lake').length).toBeGreaterThan(1);
      const before = await bus.names('');
      expect(await collected(bus, '--keep-unfinished', '0s', '--apply')).toEqual(found);
      const gone = found.flatMap(item => (item.kind === 'daemon' ? [] : item.path));
      expect(await bus.names('')).toEqual(before.filter(key => !gone.includes(key)));
      expect(await bus.pg.query('SELECT daemon FROM bus.members')).toEqual([{ daemon: 'runs' }]);
      await bus.done('start', '--drain');
      expect(await bus.rows('SELECT x FROM canon.ticks ORDER BY x')).toEqual([{ x: 0n }, { x: 1n }, { x: 2n }]);
      expect(JSON.parse(await bus.done('verify', '--json')).problems).toEqual([]);
    });

    test.skipIf(kind !== 'file')('gc keeps the files of rejected jobs while they can be retried', async () => {
      const bus = await newCluster({ canon: { auto_register: false } });
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      for (const key of [...(await bus.names('store/')), ...(await bus.names('rejected/'))]) age(bus, key, 2 * day);
      expect(await collected(bus, '--apply')).toEqual([]);
      const all = ['rejected/job-0.json', 'rejected/job-0.manifest.json', ...(await bus.names('store/'))];
      expect((await collected(bus, '--keep', '1d')).map(item => item.path)).toEqual(all);
      expect((await collected(bus, '--keep', '1d', '--apply')).map(item => item.path)).toEqual(all);
      expect(await bus.names('store/')).toEqual([]);
    });

    test.skipIf(kind !== 'file')(
      'a gc that freezes before it removes an orphan takes nothing that a job named meanwhile',
      async () => {
        const bus = await newCluster();
        await bus.submit('job-0', 0);
        const [first = ''] = await bus.names('store/');
        // A producer that ended before its manifest leaves this.
        for (const entry of await bus.names('inbox/')) rmSync(join(bus.folder, 'objects', entry));
        age(bus, first, 2 * day);
        const frozen = await bus.frozenAt('gc:condemned', 'gc', '--apply', '--json');
        const back = await bus.submit('job-0', 0);
        await bus.done('start', '--drain');
        expect((await back.settled()).artifacts[0]?.status).toBe('ingested');
        frozen.process.kill('SIGCONT');
        expect(await frozen.ended, frozen.stderr()).toMatchObject({ code: 0 });
        expect(JSON.parse(frozen.stdout()).items).toMatchObject([{ kind: 'orphan', path: first }]);
        const [second = '', ...others] = await bus.names('store/');
        expect([second === first, others]).toEqual([false, []]);
        const named = `SELECT canonical_path, x FROM catalog.artifacts_f, canon.ticks`;
        expect(await bus.rows(named)).toEqual([
          { canonical_path: expect.stringMatching(new RegExp(`/${second}$`)), x: 0n },
        ]);
        expect(JSON.parse(await bus.done('verify', '--deep', '--json')).problems).toEqual([]);
        await bus.done('rebuild');
        expect(await bus.rows(named)).toHaveLength(1);
        // The key stays condemned. Its object is an orphan again, and the artifact has its own.
        await bus.submit('job-0', 0);
        await bus.done('start', '--drain');
        age(bus, first, 2 * day);
        expect(await collected(bus, '--apply')).toEqual([{ kind: 'orphan', path: first }]);
        expect(await bus.names('store/')).toEqual([second]);
      },
    );

    test.skipIf(kind !== 'file')("gc removes the signs of operators' jobs with their rejections", async () => {
      const bus = await newCluster();
      const ask = () =>
        submitOperation({ type: 'table_drop', table: 'ticks', reason: null, by: null }, { busRoot: bus.objects });
      const { jobId } = await ask();
      await bus.done('start', '--drain');
      expect(await bus.names('rejected/')).toEqual([`rejected/${jobId}.json`, `rejected/${jobId}.manifest.json`]);
      await ask(); // waits in the inbox
      for (const key of await bus.names('operators/')) age(bus, key, 40 * day);
      expect(await collected(bus, '--apply')).toEqual([]);
      await bus.done('retry', jobId); // it is as an operator asked, so it is judged again
      await bus.done('start', '--drain');
      const reason = readFileSync(join(bus.folder, 'objects', `rejected/${jobId}.json`), 'utf8');
      expect(reason).toContain('OPERATION_INVALID');
      for (const key of await bus.names('rejected/')) age(bus, key, 40 * day);
      expect((await collected(bus, '--apply')).map(({ path }) => path)).toContain(`operators/${jobId}`);
      expect(await bus.names('operators/')).toEqual([]);
    });

    test.skipIf(kind !== 'file')('gc keeps a fragment that its daemon may still come back with', async () => {
      const bus = await newCluster();
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      const [fragment = ''] = (await bus.names('lake/')).filter(key => key.startsWith('lake/ticks/1-1~'));
      await bus.pg.query(`UPDATE bus.fragments SET object = NULL`);
      await bus.pg.query('DELETE FROM ducklake_data_file');
      age(bus, fragment, 2 * day);
      expect(await collected(bus)).toEqual([]);
      await bus.pg.query('UPDATE bus.fragments SET object = $1', ['lake/ticks/1-1~other.parquet']);
      expect(await collected(bus)).toEqual([{ kind: 'lake', path: fragment }]);
    });

    test.skipIf(kind !== 'file')('each daemon shows the whole cluster, and tells of what another settles', async () => {
      const bus = await newCluster();
      const { config } = findBusConfig({ config: bus.config });
      const logger = createLogger({ name: 'test', level: 'silent' });
      const http = { ...config.http, listen: '127.0.0.1:0' };
      const [first, second] = [
        await startDaemon({ config: { ...config, http }, logger }),
        await startDaemon({ config: { ...config, http }, logger }),
      ];
      onTestFinished(async () => {
        await first.stop();
        await second.stop();
      });
      const shown = async ({ url }: Daemon) =>
        (await (await fetch(`${url}/api/v1/status`)).json()) as Record<string, unknown>;
      const end = new AbortController();
      const heard = await Promise.all([first, second].map(daemon => listen(`${daemon.url}/api/v1/events`, end.signal)));
      await (await bus.submit('job-0', 0)).settled();
      for (const daemon of [first, second]) {
        const status = await eventually(
          () => shown(daemon),
          ({ cluster }) => (cluster as { publishedSeq: number }).publishedSeq === 1,
        );
        expect(status).toMatchObject({ lastSeq: 1, artifacts: 1, jobs: { ingested: 1 }, cluster: { daemons: 2 } });
      }
      const publishers = [await shown(first), await shown(second)].map(
        status => (status.cluster as { publishes: boolean }).publishes,
      );
      expect(publishers.sort()).toEqual([false, true]);
      for (const text of heard) await eventually(text, events => /event: changed\ndata: \[.*"jobs"/.test(events));
      end.abort();

      const third = await startDaemon({ config: { ...config, http }, logger });
      onTestFinished(() => third.stop());
      expect(await shown(third)).toMatchObject({ cluster: { publishedSeq: 1 } });
      const exports = await (await fetch(`${third.url}/api/v1/exports`)).json();
      expect(exports).toMatchObject({ exports: [{ name: 'ticks' }] });

      const { cluster } = JSON.parse(readFileSync(bus.config, 'utf8')) as { cluster: { postgres: string } };
      const database = new URL(cluster.postgres).pathname.slice(1);
      const server = new Postgres(cluster.postgres.replace(/[^/]*$/, 'postgres'));
      onTestFinished(() => server.close());
      await server.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
      await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
      const paused = await eventually(
        () => shown(third),
        ({ state }) => state === 'paused',
      );
      expect(paused).toMatchObject({ artifacts: 1, cause: { message: expect.any(String) } });
      const metrics = await (await fetch(`${third.url}/metrics`)).text();
      expect(metrics).toContain('quantbot_bus_state{state="paused"} 1');
      expect(metrics).toContain('quantbot_bus_store_artifacts 1');
      expect((await fetch(`${third.url}/readyz`)).status).toBe(503);
      await server.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
      await eventually(
        () => shown(third),
        ({ state }) => state === 'running',
      );
    });

    test('compare, scrub and backup look at a cluster, and find what is wrong', async () => {
      const bus = await newCluster();
      for (const i of [0, 1]) await bus.submit(`job-${i}`, i);
      await bus.done('start', '--drain');
      await bus.submit('waiting', 2);
      const json = async (...args: string[]) => JSON.parse(await bus.done(...args, '--json'));
      const failed = async (...args: string[]) => {
        const { code, stdout, stderr } = await bus.command(...args, '--json');
        expect(code, stderr).toBe(2);
        return JSON.parse(stdout);
      };
      const old = join(bus.folder, 'old.duckdb');
      await runIn(old, 'CREATE TABLE ticks AS SELECT range AS x FROM range(2)');
      expect(await json('compare', 'ticks', old)).toMatchObject({ equal: true, busRows: 2 });
      await runIn(old, 'INSERT INTO ticks VALUES (7)');
      expect(await failed('compare', 'ticks', old)).toMatchObject({ onlyInOld: { rows: 1, shown: [{ x: '7' }] } });

      expect(await json('scrub')).toMatchObject({ files: 8, findings: [] });
      const advice = await json('backup', 'advice');
      expect(advice).toMatchObject({ last: { seq: 2 }, artifacts: 2, missing: [], lostJobs: 0, ahead: { objects: 1 } });
      expect(advice.postgres).toEqual({ archives: false, lastArchivedAt: null, replicas: 0 });
      expect(Date.parse(advice.last.committedAt)).toBeLessThanOrEqual(Date.now() + 1000);

      const objects = await openObjects(bus.objects);
      const [first = '', second = ''] = await bus.names('store/');
      const bytes = Buffer.from((await objects.read(first, 1_000_000)) ?? '');
      bytes[50] = (bytes[50] ?? 0) ^ 1;
      await objects.replace(first, bytes);
      await objects.remove([second]);
      expect((await failed('scrub')).findings).toMatchObject([
        { code: 'CHANGED', what: first },
        { code: 'MISSING', what: second },
      ]);
      expect(await failed('backup')).toMatchObject({ artifacts: 2, missing: [second] });
      await objects.replace(first, Buffer.from('of another size'));
      expect((await failed('backup')).missing).toEqual([first, second]);
      expect((await bus.command('backup')).stdout).toContain('The bucket is older than the database');
      await bus.pg.query('UPDATE bus.head SET seq = 1');
      expect(await failed('backup')).toMatchObject({ last: { seq: 1 }, lostJobs: 1 });
      expect(await bus.command('gc')).toMatchObject({ code: 1, stderr: expect.stringContaining('CLUSTER_BEHIND') });
      expect(await bus.command('backup', '/tmp/copy')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('CLUSTER_UNSUPPORTED'),
      });
    });
  },
  ['campaign'],
);
