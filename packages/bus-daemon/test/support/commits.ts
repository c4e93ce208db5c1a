import { BulkWriter } from '@quantbot/duckdb-process';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import type { Bus } from '../../src/writer/bus.js';
import type { CheckedJob, ClaimedJob } from '../../src/writer/job.js';
import { commitBatch, settleBatch } from '../../src/writer/loop/pipeline.js';
import { verify } from '../../src/writer/stages/verify.js';
import { workerEntry } from './in-process-bus.js';
import { putClaimed } from './jobs.js';

let jobs = 0;

/** A claimed job of one artifact with `rows` rows. */
export async function claimedNumbers(bus: Bus, test: TestBus, rows = 3, schemaHint?: string): Promise<ClaimedJob> {
  const jobId = `job-${++jobs}`;
  return putClaimed(bus, {
    jobId,
    files: { 'numbers.parquet': await produce(test, numbers(rows)) },
    manifest: { artifacts: [{ artifact_id: 'numbers', relpath: 'numbers.parquet', schema_hint: schemaHint }] },
  });
}

/** Runs a batch of verified jobs through all remaining stages. */
export async function runBatch(
  bus: Bus,
  verified: readonly CheckedJob[],
  afterCommit: () => Promise<void> = async () => {},
): Promise<void> {
  await settleBatch(bus, await commitBatch(bus, verified, { afterCommit }));
}

/** Creates commits of one job each, through the whole pipeline. */
export async function makeCommits(bus: Bus, test: TestBus, count: number, schemaHint = 'canon.numbers'): Promise<void> {
  for (let i = 0; i < count; i++)
    await runBatch(bus, await verify(bus, [await claimedNumbers(bus, test, 3, schemaHint)]));
}

/** The worker process for compaction and exports. All tests share it, because its start is slow. */
export const compactor = new BulkWriter('compact', { idleMs: 60_000, entry: workerEntry });
