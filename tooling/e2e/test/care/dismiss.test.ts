import { dismissJobs } from '@quantbot/infra/utils';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { backupFolder, restoredBus } from '../support/backups.js';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { query } from '../support/query.js';

/** A bus with an artifact, a job without a manifest, and two that do not fit the table. */
async function busOfRejections(): Promise<TestBus> {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { jobId: 'good', runId: 'r1', schemaHint: 'canon.numbers' });
  await drain(bus);
  writeToInbox(bus, { jobId: 'torn', manifest: '{' });
  for (const jobId of ['text-1', 'text-2'])
    await submit(bus, { jobId, schemaHint: 'canon.numbers', select: "SELECT 'x' AS n" });
  await drain(bus);
  return bus;
}

async function json(bus: TestBus, ...args: string[]) {
  const { code, stdout, stderr } = await quantbotBus(bus, ...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

const listed = async (bus: TestBus, ...args: string[]) =>
  (await json(bus, 'rejected', ...args)).map(({ jobId }: { jobId: string }) => jobId).sort();

const countsOf = async (bus: TestBus) => (await json(bus, 'status')).jobs;

sampled('rejected jobs are dismissed by id or code, with a note: lists and counts leave them out', async () => {
  const bus = await busOfRejections();
  expect(await countsOf(bus)).toEqual({ ingested: 1, duplicate: 0, rejected: 3, dismissed: 0 });
  expect(await json(bus, 'dismiss', 'torn', '--note', 'a test of the disk')).toMatchObject({
    dismissed: ['torn'],
    seq: 5,
  });
  expect(await listed(bus)).toEqual(['text-1', 'text-2']);
  await json(bus, 'dismiss', '--code', 'SCHEMA_MISMATCH', '--note', 'old runs');
  expect(await listed(bus)).toEqual([]);
  expect(await listed(bus, '--dismissed')).toEqual(['text-1', 'text-2', 'torn']);
  expect(await countsOf(bus)).toEqual({ ingested: 3, duplicate: 0, rejected: 0, dismissed: 3 });
  expect((await json(bus, 'jobs', '--state', 'dismissed')).length).toBe(3);
  const { stdout } = await quantbotBus(bus, 'rejected', '--dismissed');
  expect(stdout).toMatch(/dismissed \d{4}-\S+ by \S+@\S+: a test of the disk/);
  expect((await quantbotBus(bus, 'jobs', 'torn')).stdout).toContain(': a test of the disk');
  expect((await quantbotBus(bus, 'dismiss', '--all', '--note', 'x')).stdout).toBe('no job is rejected\n');
  const findings: { code: string }[] = JSON.parse((await quantbotBus(bus, 'doctor', '--json')).stdout).findings;
  expect(findings.map(({ code }) => code)).not.toContain('JOBS_REJECTED');
});

sampled('a dismissed job can be retried, and its next rejection is not dismissed', async () => {
  const bus = await busOfRejections();
  await json(bus, 'dismiss', 'text-1', 'torn', '--note', 'later');
  expect(await json(bus, 'retry', '--all')).toEqual({ retried: ['text-2'] });
  expect(await json(bus, 'retry', 'text-1')).toEqual({ retried: ['text-1'] });
  await drain(bus);
  expect(await listed(bus)).toEqual(['text-1', 'text-2']);
  expect(await query(bus, `SELECT status FROM catalog.jobs_f WHERE job_id = 'text-1' ORDER BY seq`)).toEqual([
    { status: 'dismissed' },
    { status: 'rejected' },
  ]);
});

sampled('a backup has what was dismissed, and a database that is built again', async () => {
  const bus = await busOfRejections();
  await json(bus, 'dismiss', 'torn', '--note', 'known');
  await json(bus, 'rebuild');
  expect(await listed(bus, '--dismissed')).toEqual(['torn']);
  await json(bus, 'backup', backupFolder(bus));
  const other = restoredBus(bus, {});
  await drain(other);
  expect(await listed(other, '--dismissed')).toEqual(['torn']);
});

sampled('only a job that was rejected can be dismissed, and only with a note', async () => {
  const bus = await busOfRejections();
  for (const job of ['good', 'nobody']) {
    const { code, stderr } = await quantbotBus(bus, 'dismiss', 'torn', job, '--note', 'x');
    expect([code, stderr]).toEqual([1, expect.stringContaining(`There is no rejected job ${job}.`)]);
  }
  expect((await quantbotBus(bus, 'dismiss', 'torn')).stderr).toContain("required option '--note <text>'");
  expect((await quantbotBus(bus, 'dismiss', '--note', 'x')).stderr).toContain('name the jobs to dismiss');
  const { busRoot } = bus.config;
  await expect(dismissJobs({ jobs: ['torn'], note: '' }, { busRoot })).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    details: [expect.stringContaining('note')],
  });
  const unknown = expect(dismissJobs({ jobs: ['nobody'], note: 'x' }, { busRoot })).rejects.toMatchObject({
    code: 'OPERATION_INVALID',
  });
  await Promise.all([unknown, drainLater(bus)]);
  const [seq] = await Promise.all([
    dismissJobs({ jobs: ['torn'], note: 'by a program' }, { busRoot }),
    drainLater(bus),
  ]);
  expect(await query(bus, `SELECT seq, dismiss_note FROM catalog.jobs_f WHERE status = 'dismissed'`)).toEqual([
    { seq: 2, dismiss_note: 'by a program' },
  ]);
  expect(seq).toBeGreaterThan(4);
});

/** Drains once the operation waits. */
async function drainLater(bus: TestBus): Promise<void> {
  await expect.poll(async () => (await json(bus, 'status')).queue.waiting).toBe(1);
  await drain(bus);
}
