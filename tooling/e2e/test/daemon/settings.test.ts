import { readdirSync } from 'node:fs';
import { JobRejectedError } from '@quantbot/infra/utils';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, launchDaemon, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

/** Submits one job to a running daemon and returns the code of its rejection. */
async function refusalOf(bus: TestBus, options: Parameters<typeof submit>[1]): Promise<JobRejectedError> {
  const error = await (await submit(bus, options)).settled().catch(e => e);
  expect(error).toBeInstanceOf(JobRejectedError);
  return error as JobRejectedError;
}

const rejectionOf = async (...of: Parameters<typeof refusalOf>): Promise<string> => (await refusalOf(...of)).code;

test('batch.max_jobs bounds how many jobs share a commit', async () => {
  const bus = makeTestBus({ batch: { max_jobs: 2 }, log_level: 'info' });
  await drain(bus);
  for (let i = 0; i < 5; i++) await submit(bus);
  const daemon = await drain(bus);
  const batches = daemon.log().filter(line => line.msg === 'batch committed');
  expect(batches.map(line => line.jobs)).toEqual([2, 2, 1]);
  expect(batches.at(-1)).toMatchObject({ ingested: 1, duplicates: 0, rejected: 0, lastSeq: 5 });
});

const commits = [
  ['canon.numbers', 127, 0],
  ['canon.numbers', 128, 1],
  ['plain.numbers', 128, 0],
] as const;

test.each(sampleOf(commits, 1))(
  'compaction.hot_commits counts a commit with many files of canonical tables as several (%s, %i: %i segments)',
  { tags: ['campaign'] },
  async (hint, jobs, segments) => {
    const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 3600 } });
    await drain(bus);
    const file = await produce(bus, numbers(1));
    const artifacts = [{ artifact_id: 'a', relpath: 'a.parquet', schema_hint: hint }];
    for (let i = 0; i < jobs; i++)
      writeToInbox(bus, { jobId: `job-${i}`, manifest: { artifacts }, files: { 'a.parquet': file } });
    await drain(bus);
    expect(await query(bus, 'SELECT count(*)::INTEGER AS n FROM catalog.jobs_f')).toEqual([{ n: jobs }]);
    expect(readdirSync(bus.layout.segments)).toHaveLength(segments);
  },
);

test('limits bound the bytes and the columns of an artifact', async () => {
  const bus = makeTestBus({ limits: { max_artifact_bytes: 2_000, max_columns: 3 } });
  await startDaemon(bus);
  expect(await rejectionOf(bus, { select: numbers(10_000) })).toBe('TOO_LARGE');
  expect(await rejectionOf(bus, { select: 'SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d' })).toBe('TOO_LARGE');
  expect((await (await submit(bus, { select: 'SELECT 1 AS a, 2 AS b, 3 AS c' })).settled()).status).toBe('ingested');
});

test('with canon.auto_register off a table that is not known is refused, and other hints are not', async () => {
  const bus = makeTestBus({ canon: { auto_register: false } });
  await startDaemon(bus);
  expect(await refusalOf(bus, { schemaHint: 'canon.numbers' })).toMatchObject({
    code: 'SCHEMA_MISMATCH',
    hint: expect.stringContaining('Declare the table'),
  });
  expect((await (await submit(bus, { schemaHint: 'simulation.fills' })).settled()).status).toBe('ingested');
  expect(await query(bus, 'SELECT schema_hint FROM catalog.artifacts_f')).toEqual([
    { schema_hint: 'simulation.fills' },
  ]);
});

test('log_level bounds what is logged; a rejection is a warning with job, code and hint', async () => {
  const bus = makeTestBus({ log_level: 'warn', limits: { max_columns: 1 } });
  await drain(bus);
  await submit(bus);
  const { jobId } = await submit(bus, { select: 'SELECT 1 AS a, 2 AS b' });
  const daemon = await drain(bus);
  expect(daemon.log()).toMatchObject([
    { level: 40, job: jobId, code: 'TOO_LARGE', hint: expect.any(String), msg: expect.stringContaining('2 columns') },
  ]);
});

test('a configuration with a mistake ends the start with what is wrong and a suggestion', async () => {
  const bus = makeTestBus();
  const { writeFileSync } = await import('node:fs');
  writeFileSync(bus.configPath, JSON.stringify({ poll_intervall_s: 1 }));
  const daemon = launchDaemon(bus);
  expect(await daemon.ended).toEqual({ code: 1, signal: null });
  expect(daemon.stderr()).toContain('CONFIG_INVALID');
  expect(daemon.stderr()).toContain('poll_interval_s');
});

test('status of a bus that no daemon has run on says so, and makes nothing', async () => {
  const bus = makeTestBus();
  const { code, stdout } = await quantbotBus(bus, 'status');
  expect(code).toBe(0);
  expect(stdout).toContain('no daemon has run here yet');
  expect(stdout).toMatch(/^writer {4}none$/m);
  const { readdirSync } = await import('node:fs');
  expect(readdirSync(bus.folder)).toEqual(['bus_config.json']);
});

sampled('status counts what waits and what was rejected', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const { jobId } = await submit(bus, { runId: 'r', schemaHint: 'canon.numbers' });
  await drain(bus);
  await submit(bus, { runId: 'r', select: numbers(4) });
  await drain(bus);
  await submit(bus, { runId: 'waits' });
  const { stdout } = await quantbotBus(bus, 'status');
  expect(stdout).toMatch(/^queue {5}1 waiting, 0 in progress$/m);
  expect(stdout).toMatch(/^jobs {6}1 ingested, 0 duplicate, 1 rejected; 1 artifacts$/m);
  expect(stdout).toMatch(/^last {6}seq 2, /m);
  expect(stdout).toMatch(/^export {4}numbers: 3 rows as of seq 1$/m);
  expect(stdout).not.toContain(jobId); // the rejected one was last
});
