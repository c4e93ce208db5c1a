// @module-tag campaign
import { join } from 'node:path';
import { openObjects } from '@quantbot/infra/objects';
import { submitArtifact, submitArtifacts, writeSmallParquet } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { describeClusters } from './support/cluster.js';

const files = 27;

/** 2 KB that become 40 MB. */
const texts = (file: number) =>
  `SELECT [repeat('y', 1000000) || n || '-' || range FOR n IN range(4)] AS texts, range AS id FROM range(${file * 10}, ${file * 10 + 10})`;

describeClusters(
  'rows',
  newCluster => {
    test('larger than memory are published, rewritten for another type, erased and exported', async () => {
      const cluster = await newCluster({ limits: { decode_memory_mb: 512 }, export: { memory_limit_mb: 64 } });
      const add = async (name: string, select: string) =>
        submitArtifact({
          busRoot: cluster.objects,
          runId: name,
          producer: 'p',
          kind: 'k',
          artifactId: 'a',
          schemaHint: 'canon.events',
          parquetPath: await writeSelect(join(cluster.folder, 'produced'), select),
        });
      const shown = () =>
        cluster.rows(
          `SELECT count(*)::INTEGER AS n, count(DISTINCT texts[4])::INTEGER AS texts, sum(id)::DOUBLE AS ids, any_value(typeof(id)) AS type FROM canon.events`,
        );
      for (let file = 0; file < files; file++) await add(`run-${file}`, texts(file));
      await cluster.done('start', '--drain');
      const rows = files * 10;
      const ids = (rows * (rows - 1)) / 2;
      expect(await shown()).toEqual([{ n: rows, texts: rows, ids, type: 'BIGINT' }]);

      await add('fraction', "SELECT ['a', 'b', 'c', 'd'] AS texts, 0.5::DOUBLE AS id");
      await cluster.done('start', '--drain');
      expect(await shown()).toEqual([{ n: rows + 1, texts: rows + 1, ids: ids + 0.5, type: 'DOUBLE' }]);

      const daemon = cluster.start();
      await cluster.done('forget', 'run-0/p/k/a', '--rows', 'drop', '--apply');
      daemon.process.kill('SIGTERM');
      await daemon.ended;
      await cluster.done('start', '--drain');
      const left = rows - 9;
      expect(await shown()).toEqual([{ n: left, texts: left, ids: ids + 0.5 - 45, type: 'DOUBLE' }]);
      const exported = await readParquet(`${cluster.objects.replace(/^file:\/\//, '')}/exports/events.parquet`, {
        columns: ['id'],
      });
      expect(exported.map(({ id }) => id)).toEqual([...Array.from({ length: rows - 10 }, (_, id) => id + 10), 0.5]);
    });

    test('of the journal with much text hold nobody up', async () => {
      const cluster = await newCluster();
      const parquetPath = join(cluster.folder, 'one.parquet');
      await writeSmallParquet(parquetPath, { columns: { x: { type: 'int64' } }, rows: [{ x: 1 }] });
      const base = { busRoot: cluster.objects, producer: 'p', kind: 'k' };
      const submit = (runId: string, count: number) => {
        const artifacts = Array.from({ length: count }, (_, i) => ({ artifactId: `a${i}`, parquetPath }));
        return submitArtifacts({ ...base, runId, artifacts, meta: { m: 'm'.repeat(900_000) } });
      };
      const bomb = await submit('bomb', 100);
      const jobs = [];
      for (const runId of ['r1', 'r2', 'r3', 'r4']) jobs.push(await submit(runId, 60));
      await cluster.done('start', '--drain');
      await expect(bomb.settled()).rejects.toMatchObject({ code: 'TOO_LARGE' });
      for (const job of jobs) expect((await job.settled()).status).toBe('ingested');
      await cluster.done('rebuild');
      const [row] = await cluster.rows('SELECT count(*)::INTEGER AS n FROM catalog.jobs_f');
      expect(row).toEqual({ n: 5 });
    });

    test('that cannot be published are named, and can be taken out for the jobs behind them', async () => {
      const cluster = await newCluster();
      const xs = async () => (await cluster.rows('SELECT x FROM canon.ticks ORDER BY x')).map(({ x }) => Number(x));
      await cluster.submit('job-0', 0);
      await cluster.done('start', '--drain');
      await cluster.submit('job-1', 1);
      await cluster.killedAt('commit:committed', 'start', '--drain');
      const objects = await openObjects(cluster.objects);
      const [lost] = (await cluster.names('store/')).filter(key => key.includes('job-1'));
      await objects.remove([lost as string]);
      const behind = await cluster.submit('job-2', 2);
      const daemon = cluster.start();
      await expect
        .poll(daemon.stderr, { timeout: 30_000 })
        .toMatch(
          /The rows of job-1\/p\/k\/a cannot .* all jobs from seq 2 on wait: store\/\S+ is gone.*ROWS_UNPUBLISHED/,
        );
      expect(await xs()).toEqual([0]);
      await cluster.done('forget', 'job-1/p/k/a', '--rows', 'drop', '--force', '--apply');
      await behind.settled();
      expect(await xs()).toEqual([0, 2]);
      await (await cluster.submit('again', 1, 'job-1')).settled();
      expect(await xs()).toEqual([0, 1, 2]);
      daemon.process.kill('SIGTERM');
      await daemon.ended;
    });
  },
  ['campaign'],
);
