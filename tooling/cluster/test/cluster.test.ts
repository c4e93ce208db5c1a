import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { query } from '@quantbot/bus-format/duckdb';
import { openObjects } from '@quantbot/infra/objects';
import { submitArtifact, writeSmallParquet } from '@quantbot/infra/utils';
import { openCatalog } from '@quantbot/storage';
import { campaign, sampleOf, seed, seededRandom } from '@quantbot/tooling-config/campaign';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { expect, onTestFinished, test } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';

describeClusters('a cluster', newCluster => {
  test('ingests what two daemons share, each job once, and writes receipts', async () => {
    const bus = await newCluster();
    for (let i = 0; i < 20; i++) await bus.submit(`job-${i}`, i);
    const daemons = [bus.start('--drain'), bus.start('--drain')];
    for (const daemon of daemons) expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
    const reader = await bus.reader();
    const rows = await query(reader, 'SELECT x FROM canon.ticks ORDER BY x');
    expect(rows.map(({ x }) => Number(x))).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect((await bus.names('receipts/')).length).toBe(20);
    await eventually(
      () => bus.names('inbox/'),
      names => names.length === 0,
    );
  });

  sampled('daemons whose clocks are half an hour apart order jobs as they were committed', async () => {
    const bus = await newCluster();
    const shifts = [-15, 15];
    for (const [round, minutes] of shifts.entries()) {
      for (let i = 0; i < 3; i++) await bus.submit(`job-${3 * round + i}`, 3 * round + i);
      const drained = bus.startWithClock(minutes, '--drain');
      expect(await drained.ended, drained.stderr()).toEqual({ code: 0, signal: null });
    }
    await bus.submit('job-6', 6);
    const daemons = shifts.toReversed().map(minutes => bus.startWithClock(minutes, '--drain'));
    for (const daemon of daemons) expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
    await checkAll(bus, 7);
    const times = await bus.rows('SELECT epoch_ms(committed_at) AS ms FROM catalog.jobs_f ORDER BY seq');
    const ms = times.map(({ ms }) => Number(ms));
    expect(ms).toEqual(ms.toSorted((a, b) => a - b));
    expect(Math.abs((ms[0] ?? 0) - Date.now())).toBeLessThan(10 * 60_000);
  });

  sampled('a drain waits for the jobs that a daemon had in hand when it was killed', async () => {
    const bus = await newCluster();
    await bus.submit('job-0', 0);
    await bus.pg.query(
      `INSERT INTO bus.work (job_id, daemon, lease_until) VALUES ('job-0', 'killed', now() + INTERVAL '2 s')`,
    );
    const drained = bus.start('--drain');
    expect(await drained.ended, drained.stderr()).toEqual({ code: 0, signal: null });
    await checkAll(bus, 1);
  });

  sampled('a fragment that is lost before it is published is written again from the store', async () => {
    const bus = await newCluster();
    const holder = await bus.pg.dedicated();
    // No daemon takes the lock away from an active session.
    const held = holder.query('SELECT pg_advisory_lock(7171002), pg_sleep(600)').catch(() => {});
    await eventually(
      () => bus.pg.query('SELECT 1 FROM pg_locks WHERE locktype = $1 AND objid = 7171002 AND granted', ['advisory']),
      locks => locks.length > 0,
    );
    await bus.submit('job-0', 0);
    const daemon = bus.start('--drain');
    const [{ object } = { object: '' }] = await eventually(
      () => bus.pg.query<{ object: string }>('SELECT object FROM bus.fragments WHERE object IS NOT NULL'),
      fragments => fragments.length > 0,
    );
    await (await openObjects(bus.objects)).remove([object]);
    await bus.pg.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7171002`,
    );
    await held;
    await holder.end().catch(() => {});
    expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
    expect(daemon.stderr()).toContain('a fragment was lost');
    await checkAll(bus, 1);
  });

  test('a submission settles with its receipt, or with the reason of its rejection', async () => {
    const bus = await newCluster();
    const daemon = bus.start();
    const first = await bus.submit('job-1', 1);
    const receipt = await first.settled();
    expect(receipt).toMatchObject({ job_id: 'job-1', seq: 1, status: 'ingested', artifacts: [{ rows: 1 }] });
    const text = join(bus.folder, 'text.parquet');
    await writeSmallParquet(text, { columns: { x: 'string' }, rows: [{ x: 'one' }] });
    const second = await submitArtifact({
      busRoot: bus.objects,
      runId: 'other',
      producer: 'p',
      kind: 'k',
      artifactId: 'a',
      schemaHint: 'canon.ticks',
      parquetPath: text,
    });
    await expect(second.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
    daemon.process.kill('SIGTERM');
    expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
  });

  const lakes = [
    ['no daemon runs', 0],
    ['a daemon runs', 1],
  ] as const;

  test.each(sampleOf(lakes, 1))(
    'the lake is made again from journal and store while %s',
    {
      tags: ['campaign'],
    },
    async (_, running) => {
      const bus = await newCluster();
      for (let i = 0; i < 4; i++) await bus.submit(`job-${i}`, i);
      const drained = bus.start('--drain');
      expect(await drained.ended, drained.stderr()).toEqual({ code: 0, signal: null });
      const rowsNow = async () => {
        const catalog = await openCatalog({ config: bus.config });
        onTestFinished(() => catalog.close());
        return [
          await catalog.query('SELECT * FROM canon.ticks ORDER BY _seq'),
          await catalog.query('SELECT * FROM catalog.artifacts_f ORDER BY seq'),
        ];
      };
      const before = await rowsNow();
      const daemons = Array.from({ length: running }, () => bus.start());
      await sleep(1500 * running);
      const objects = await openObjects(bus.objects);
      await objects.remove(await bus.names('lake/'));
      const rebuilt = bus.run('rebuild');
      expect(await rebuilt.ended, rebuilt.stderr()).toEqual({ code: 0, signal: null });
      expect(rebuilt.stdout()).toContain('up to seq 4');
      expect(await rowsNow()).toEqual(before);
      await bus.submit('job-4', 4);
      if (running === 0) daemons.push(bus.start());
      await eventually(
        async () => (await bus.names('inbox/')).length,
        n => n === 0,
      );
      for (const daemon of daemons) daemon.process.kill('SIGTERM');
      for (const daemon of daemons) expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
      await checkAll(bus, 5);
    },
  );

  test('loses and doubles nothing when daemons are killed again and again', { tags: ['campaign'] }, async () => {
    const bus = await newCluster();
    const jobs = 60;
    const random = seededRandom(seed);
    const daemons = [bus.start(), bus.start(), bus.start()];
    const kills = campaign(4, 40);
    let submitted = 0;
    for (let kill = 0; kill < kills; kill++) {
      for (; submitted < Math.ceil((jobs * (kill + 1)) / kills); submitted++)
        await bus.submit(`job-${submitted}`, submitted);
      await sleep(200 + random() * 1200);
      const which = Math.floor(random() * daemons.length);
      daemons[which]?.process.kill('SIGKILL');
      daemons[which] = bus.start();
    }
    await eventually(
      () => bus.names('inbox/'),
      names => names.length === 0,
      120_000,
    );
    for (const daemon of daemons) daemon.process.kill('SIGTERM');
    // A daemon that has just started may not listen for the signal yet.
    for (const daemon of daemons) {
      const { code, signal } = await daemon.ended;
      expect([0, 'SIGTERM'], daemon.stderr()).toContain(code ?? signal);
    }
    await checkAll(bus, jobs);
  });
});

/** Checks that every job has exactly one outcome, every row exists once, and seqs have no gap. */
async function checkAll(bus: TestCluster, jobs: number): Promise<void> {
  const journal = await bus.pg.query<{ seq: number; job_id: string; status: string }>(
    'SELECT seq, job_id, status FROM bus.journal ORDER BY seq',
  );
  expect(journal.map(({ seq }) => seq)).toEqual(Array.from({ length: jobs }, (_, i) => i + 1));
  expect(new Set(journal.map(({ job_id }) => job_id)).size).toBe(jobs);
  expect(journal.every(({ status }) => status === 'ingested')).toBe(true);
  expect((await bus.names('receipts/')).length).toBe(jobs);
  const lake = await bus.reader();
  const rows = await query(lake, 'SELECT x, _seq FROM canon.ticks ORDER BY x');
  expect(rows.map(({ x }) => Number(x))).toEqual(Array.from({ length: jobs }, (_, i) => i));
  const bySeq = new Map(journal.map(({ seq, job_id }) => [seq, job_id]));
  for (const { x, _seq } of rows) expect(bySeq.get(Number(_seq))).toBe(`job-${x}`);
  expect(await query(lake, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: BigInt(jobs) }]);
}
