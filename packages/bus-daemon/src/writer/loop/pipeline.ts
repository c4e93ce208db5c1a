import { allEnded } from '@quantbot/bus-format';
import type { SettledBatch, SettledJob } from '@quantbot/bus-http';
import type { Operation } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import type { CheckedJob, CommittedJob } from '../job.js';
import { commit, writeCommit } from '../stages/commit.js';
import { decideAll } from '../stages/decide.js';
import { settle } from '../stages/settle.js';
import { settledJob } from '../stages/settled-job.js';
import { store } from '../stages/store.js';
import { timed } from '../stages/timed.js';
import { verifyNewKeys } from '../stages/verify.js';
import { partsOf } from './parts-of.js';

/** A batch that readers can see. */
export interface CommittedBatch {
  jobs: readonly CommittedJob[];
  visibleAtMs: number;
  /** Its start (milliseconds, monotonic clock). */
  startedMs: number;
}

/**
 * Takes one batch of verified jobs to its commit. Each stage can run again: after any failure the
 * jobs are in `claimed/`, and the journal says which were committed.
 *
 * @param beside runs while another thread stores the files.
 * @param afterCommit runs between commit and settle, so that a producer whose job has settled finds
 * it in the published views.
 */
export async function commitBatch(
  bus: Bus,
  verified: readonly CheckedJob[],
  { beside, afterCommit }: { beside?: () => Promise<void>; afterCommit: () => Promise<void> },
): Promise<CommittedBatch> {
  const startedMs = performance.now();
  const jobs: CommittedJob[] = [];
  const [first = [], ...others] = partsOf(verified);
  await commitPart(bus, first, jobs, beside);
  for (const part of others) await commitPart(bus, part, jobs);
  await timed(bus, 'publish', afterCommit);
  return { jobs, visibleAtMs: bus.now(), startedMs };
}

async function commitPart(
  bus: Bus,
  verified: readonly CheckedJob[],
  committed: CommittedJob[],
  beside?: () => Promise<void>,
): Promise<void> {
  const decided = await timed(bus, 'decide', async () => decideAll(bus, await verifyNewKeys(bus, verified)));
  const storing = timed(bus, 'store', () => store(bus, decided));
  const [stored, written] = await allEnded([storing, writeCommit(bus, decided), beside?.()]);
  const jobs = await timed(bus, 'commit', () => commit(bus, stored, written));
  for (const job of jobs) noteOperation(bus, job);
  committed.push(...jobs);
}

/**
 * Settles a committed batch. The next batch may be in flight meanwhile. Never settle two at once,
 * because a job id may come again.
 */
export async function settleBatch(bus: Bus, { jobs, visibleAtMs, startedMs }: CommittedBatch): Promise<void> {
  await timed(bus, 'settle', () => settle(bus, jobs));
  const batch = {
    jobs: jobs.map(job => settledJob(job, visibleAtMs, bus.journal.names)),
    lastSeq: jobs.at(-1)?.rows[0]?.seq ?? bus.journal.lastSeq,
    seconds: (performance.now() - startedMs) / 1000,
  };
  report(bus, batch);
  bus.events.emit('settled', batch);
}

/** Aliases are views over the journal. Other operations run beside ingestion. */
function noteOperation(bus: Bus, { rows: [row] }: CommittedJob): void {
  if (row?.op_json == null) return;
  const op = JSON.parse(row.op_json) as Operation;
  if (op.type === 'export') bus.requestedExports.push({ names: op.names, force: op.force, seq: row.seq });
}

/** Logs one line per batch, and one per rejection with its code and hint. */
function report(bus: Bus, { jobs, lastSeq, seconds }: SettledBatch): void {
  const count = (...outcomes: SettledJob['outcome'][]) => jobs.filter(job => outcomes.includes(job.outcome)).length;
  for (const { jobId, seq, rejection } of jobs)
    if (rejection !== undefined)
      bus.logger.warn({ job: jobId, seq, code: rejection.code, hint: rejection.hint }, `rejected: ${rejection.error}`);
  bus.logger.info(
    {
      jobs: jobs.length,
      ingested: count('ingested', 'done'),
      duplicates: count('duplicate'),
      rejected: count('rejected'),
      lastSeq,
      ms: Math.round(seconds * 1000),
    },
    'batch committed',
  );
}
