import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { asDaemon, drain, launchDaemon, quantbotBus, spawnDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';
import { daemonFolder, startScript } from '../support/scripts.js';

describe('starting and stopping', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s finishes the batch in hand and exits 0, leaving nothing half done',
    async signal => {
      const bus = makeTestBus();
      const daemon = await spawnDaemon(bus);
      const load = startScript('./producer.mjs', [bus.layout.root, join(bus.folder, 'made'), 'p', '40'], bus.folder);
      await daemon.logged('batch committed');
      expect(await daemon.stop(signal)).toEqual({ code: 0, signal: null });
      expect(readdirSync(bus.layout.claimed)).toEqual([]);
      expect(existsSync(`${bus.config.duckdbPath}.writer.lock`)).toBe(false);
      expect(await load.ended).toMatchObject({ code: 0 });
      await drain(bus);
      expect(await query(bus, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 40 }]);
    },
  );

  sampled('without /proc, as on macOS, the daemon and every command do the same', async () => {
    const bus = makeTestBus();
    const env = { NODE_OPTIONS: `--import=${new URL('../support/without-proc.mjs', import.meta.url).href}` };
    const command = async (...args: string[]) => {
      const cli = join(daemonFolder, 'dist/cli.js');
      const child = startChild(process.execPath, [cli, ...args, '--config', bus.configPath], bus.folder, env);
      const { code } = await child.ended;
      return { code, output: child.stdout() + child.stderr() };
    };
    const daemon = await spawnDaemon(bus, { env });
    await (await submit(bus, { runId: 'r1', schemaHint: 'canon.t', select: numbers(3) })).settled();
    await submit(bus, { runId: 'r2', schemaHint: 'canon.t', select: "SELECT 'x' AS n" });
    await daemon.logged('rejected');
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.t')).toEqual([{ n: 3 }]);
    expect(await command('doctor')).toMatchObject({
      code: 0,
      output: expect.stringContaining('0 problems, 1 warning'),
    });
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    for (const args of [['table', 'drop', 't', '--apply'], ['verify'], ['backup', join(bus.folder, 'copy')]])
      expect(await command(...args), args[0]).toMatchObject({ code: 0 });
  });

  sampled('a daemon that a package manager started ends when that is killed without a word to it', async () => {
    const bus = makeTestBus();
    // Do what an npm script does: a shell starts the daemon and does not forward signals.
    const script = `${process.execPath} ${join(daemonFolder, 'dist/cli.js')} start --config ${bus.configPath} & wait`;
    const shell = asDaemon(startChild('sh', ['-c', script], bus.folder, { npm_lifecycle_event: 'start' }));
    await shell.logged('bus daemon ready');
    const { pid } = JSON.parse(readFileSync(`${bus.config.duckdbPath}.writer.lock`, 'utf8')) as { pid: number };
    shell.kill('SIGKILL');
    await eventually(
      () => existsSync(`/proc/${pid}/cmdline`) && statSync(`/proc/${pid}`).isDirectory() && isRunning(pid),
      alive => !alive,
    );
    expect(existsSync(`${bus.config.duckdbPath}.writer.lock`)).toBe(false);
  });

  test('--drain settles all that waits, brings the exports up to date, and exits 0', async () => {
    const bus = makeTestBus();
    await drain(bus);
    for (let i = 0; i < 5; i++) await submit(bus, { schemaHint: 'canon.numbers', select: numbers(2) });
    await drain(bus);
    expect(readdirSync(bus.layout.inbox)).toEqual([]);
    const status = JSON.parse((await quantbotBus(bus, 'status', '--json')).stdout);
    expect(status).toMatchObject({
      writer: null,
      queue: { waiting: 0, claimed: 0, uncommitted: 0 },
      jobs: { ingested: 5, duplicate: 0, rejected: 0 },
      lastCommit: { seq: 5 },
      exports: { numbers: { ok: true, rows: 10, as_of_seq: 5 } },
    });
  });

  sampled('--drain exits 2 if an export or a compaction failed, and all jobs are settled', async () => {
    const bus = makeTestBus({ export: { jobs: [{ name: 'broken', sql: 'SELECT * FROM canon.missing' }] } });
    await drain(bus);
    const { jobId } = await submit(bus);
    const daemon = launchDaemon(bus, { args: ['--drain'] });
    expect(await daemon.ended).toMatchObject({ code: 2 });
    expect(daemon.log().at(-1)).toMatchObject({
      failed: ['export'],
      msg: expect.stringContaining('next start retries'),
    });
    expect(existsSync(join(bus.layout.processed, jobId, 'RECEIPT.json'))).toBe(true);
  });

  sampled('people find the daemon under its name, and in the lock file', async () => {
    const bus = makeTestBus();
    const daemon = await spawnDaemon(bus);
    expect(readFileSync(`/proc/${daemon.pid}/cmdline`, 'utf8')).toMatch(/^bus_daemon/);
    const holder = JSON.parse(readFileSync(`${bus.config.duckdbPath}.writer.lock`, 'utf8'));
    expect(holder).toMatchObject({ pid: daemon.pid, host: hostname(), bus_root: bus.layout.root });
    const { stdout } = await quantbotBus(bus, 'status');
    expect(stdout).toContain(`writer    process ${daemon.pid} on ${hostname()} since `);
  });
});

describe('one writer', () => {
  test('a second daemon waits, then exits with 1 and names the holder', async () => {
    const bus = makeTestBus({ lock_timeout_s: 0.5 });
    const first = await spawnDaemon(bus);
    const second = launchDaemon(bus);
    expect(await second.ended).toMatchObject({ code: 1 });
    expect(second.stderr()).toMatch(new RegExp(`LOCK_TIMEOUT: .*process ${first.pid} on ${hostname()} since \\d{4}-`));
    expect(second.stderr()).toMatch(/^Try: /m);
    expect(await first.stop()).toMatchObject({ code: 0 });
  });

  sampled('another bus root with the same database path is a second writer too', async () => {
    const bus = makeTestBus({ lock_timeout_s: 0.3 });
    await spawnDaemon(bus);
    const other = makeTestBus({ lock_timeout_s: 0.3, duckdb_path: bus.config.duckdbPath });
    expect(await launchDaemon(other).ended).toMatchObject({ code: 1 });
  });

  test('after kill -9 the next daemon starts at once, without a hand', async () => {
    const bus = makeTestBus({ lock_timeout_s: 0 });
    const first = await spawnDaemon(bus);
    await first.stop('SIGKILL');
    expect(existsSync(`${bus.config.duckdbPath}.writer.lock`)).toBe(true);
    const second = await spawnDaemon(bus);
    await (await submit(bus)).settled();
    expect(await second.stop()).toMatchObject({ code: 0 });
  });
});

describe('the published database is disposable', () => {
  test('deleted while no daemon runs, it comes back with the same answers', async () => {
    const bus = makeTestBus();
    await drain(bus);
    for (const runId of ['a', 'b']) await submit(bus, { runId, schemaHint: 'canon.numbers' });
    await drain(bus);
    const ask = () =>
      query(bus, 'SELECT a.*, (SELECT count(*) FROM canon.numbers) AS n FROM catalog.latest_artifacts_v a');
    const before = await ask();
    rmSync(bus.config.duckdbPath);
    await drain(bus);
    expect(await ask()).toEqual(before);
  });

  sampled('deleted while the daemon runs, it comes back by itself', async () => {
    const bus = makeTestBus();
    await spawnDaemon(bus);
    await (await submit(bus)).settled();
    rmSync(bus.config.duckdbPath);
    await eventually(
      () => existsSync(bus.config.duckdbPath),
      there => there,
    );
    expect(await query(bus, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 1 }]);
  });

  sampled(
    'somebody else’s database in its place is left alone, ingestion goes on, and the log says what to do',
    async () => {
      const bus = makeTestBus();
      await drain(bus);
      rmSync(bus.config.duckdbPath);
      const { DuckDBInstance } = await import('@duckdb/node-api');
      const instance = await DuckDBInstance.create(bus.config.duckdbPath);
      const connection = await instance.connect();
      await connection.run('CREATE TABLE alerts AS SELECT 42 AS n');
      connection.closeSync();
      instance.closeSync();
      const before = readFileSync(bus.config.duckdbPath);
      const daemon = await spawnDaemon(bus);
      expect((await (await submit(bus)).settled()).status).toBe('ingested');
      const line = await daemon.logged('could not be published');
      expect(line).toMatchObject({ err: { code: 'FOREIGN_DATABASE' }, hint: expect.stringContaining('mv ') });
      await daemon.stop();
      expect(readFileSync(bus.config.duckdbPath).equals(before)).toBe(true);
    },
  );
});

sampled(
  'a reader that has held the database open through many compactions sees the newest commit; what it needs goes soon after it',
  async () => {
    const bus = makeTestBus({ compaction: { hot_commits: 3, release_grace_s: 0 } });
    await spawnDaemon(bus);
    await (await submit(bus, { schemaHint: 'canon.numbers', select: numbers(1) })).settled();
    const reader = await startHoldingReader(bus);
    expect(await reader.query('SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: '1' }]);
    for (let i = 2; i <= 30; i++) {
      await (await submit(bus, { schemaHint: 'canon.numbers', select: numbers(1) })).settled();
      if (i % 6 === 0) {
        expect(await reader.query('SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: String(i) }]);
        expect(await reader.query('SELECT max(seq) AS n FROM catalog.artifacts_f')).toEqual([{ n: String(i) }]);
      }
    }
    const hotCommits = () => readdirSync(bus.layout.hot).length;
    expect(hotCommits()).toBeGreaterThan(28);
    await reader.close();
    await eventually(hotCommits, n => n < 10);
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 30 }]);
  },
);

/** A process that has ended but was not waited for yet (a zombie) does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
