import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { makeDeepFolders } from '@quantbot/tooling-testing/deep-folders';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeRawJob, writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

/** A file of some megabytes, and a smaller limit for a batch. */
const large = numbers(400_000, ', random() AS a, random() AS b');
const settings = { batch: { max_bytes: 1_000_000 } };

test('a large job does not hold up the small ones that came after it, and is ingested like any other', async () => {
  const bus = makeTestBus(settings);
  await drain(bus);
  await submit(bus, { runId: 'large-1', select: large, schemaHint: 'canon.large' });
  await submit(bus, { runId: 'large-2', select: large, schemaHint: 'canon.large' });
  for (let i = 0; i < 5; i++) await submit(bus, { runId: `small-${i}` });
  await drain(bus);
  const runs = await query(bus, 'SELECT run_id FROM catalog.artifacts_f ORDER BY seq');
  const small = [0, 1, 2, 3, 4].map(i => `small-${i}`);
  expect(runs.map(row => row.run_id)).toEqual([...small, 'large-1', 'large-2']);
  expect(await query(bus, 'SELECT count(*) AS n FROM canon.large')).toEqual([{ n: 800_000 }]);
});

sampled('a large job that is broken is rejected, and the large one behind it is not blamed', async () => {
  const bus = makeTestBus(settings);
  await drain(bus);
  const text = `SELECT 'x' AS n, random() AS a, random() AS b FROM range(400000)`;
  await submit(bus, {
    runId: 'fixes-the-types',
    schemaHint: 'canon.large',
    select: numbers(1, ', 0.5 AS a, 0.5 AS b'),
  });
  await drain(bus);
  const broken = await submit(bus, { runId: 'broken', select: text, schemaHint: 'canon.large' });
  const good = await submit(bus, { runId: 'good', select: large });
  await drain(bus);
  await expect(broken.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  expect((await good.settled()).status).toBe('ingested');
});

test('a daemon that is asked to end while it hashes a large job ends, and the next one takes the job', async () => {
  const bus = makeTestBus(settings);
  await drain(bus);
  const jobs = [];
  for (let i = 0; i < 6; i++) jobs.push(await submit(bus, { runId: `large-${i}`, select: large }));
  const daemon = await startDaemon(bus);
  expect(await daemon.stop()).toMatchObject({ code: 0 });
  await drain(bus);
  for (const job of jobs) expect((await job.settled()).status).toBe('ingested');
  expect(readdirSync(bus.layout.claimed)).toEqual([]);
});

sampled(
  'a job with a deep tree beside its artifact is ingested, and what is not its artifact goes when it is in nobody’s way',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    const parquetPath = await produce(bus, numbers(3));
    const manifest = { artifacts: [{ artifact_id: 'a', relpath: 'a.parquet', schema_hint: 'canon.numbers' }] };
    makeDeepFolders(writeToInbox(bus, { jobId: 'deep', files: { 'a.parquet': parquetPath }, manifest }));
    expect(await quantbotBus(bus, 'backup', join(bus.folder, 'backup'))).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('inbox/deep: cannot be copied'),
    });
    await drain(bus);
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 3 }]);
    expect(readdirSync(join(bus.layout.processed, 'deep')).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
    expect(readdirSync(bus.layout.claimed)).toEqual([]);
  },
);

test('a start removes what settled jobs left behind; what a rejected one left is kept, counts as nothing, and is in a backup', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const [left, kept] = ['.left-', '.kept-'].map(prefix => join(bus.layout.claimed, `${prefix}${'0'.repeat(16)}~job`));
  for (const folder of [left, kept] as string[])
    writeRawJob(folder, { jobId: 'job', files: { file: { content: 'x' } } });
  await drain(bus);
  expect(readdirSync(bus.layout.claimed)).toEqual([basename(kept as string)]);
  expect(JSON.parse((await quantbotBus(bus, 'status', '--json')).stdout)).toMatchObject({ queue: { claimed: 0 } });
  const backup = join(bus.folder, 'backup');
  expect((await quantbotBus(bus, 'backup', backup)).code).toBe(0);
  expect(readFileSync(join(backup, 'claimed', basename(kept as string), 'file'), 'utf8')).toBe('x');
  await quantbotBus(bus, 'gc', '--keep', '0s', '--apply');
  expect(readdirSync(bus.layout.claimed)).toEqual([]);
});
