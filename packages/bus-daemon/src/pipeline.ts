import type { Operation } from '@quantbot/infra';
import type { Bus } from './bus.js';
import type { JournalRow } from './journal/row.js';
import { commit } from './stages/commit.js';
import { decide } from './stages/decide.js';
import type { CheckedJob, CommittedJob } from './stages/job.js';
import { isRejection, rejectReasonOf } from './stages/outcome.js';
import { settle } from './stages/settle.js';
import { store } from './stages/store.js';

/** What became of a batch. */
export interface BatchResult {
  jobs: number;
  ingested: number;
  duplicates: number;
  rejected: number;
  lastSeq: number;
  ms: number;
}

/**
 * The way of one batch of verified jobs. Each stage can be run again: whatever fails leaves the jobs in `claimed/`, and the journal says
 * which of them were committed.
 *
 * @param afterCommit runs between commit and settle, so that a producer whose job has settled finds it in the published views.
 */
export async function runBatch(
  bus: Bus,
  verified: readonly CheckedJob[],
  afterCommit: () => Promise<void>,
): Promise<BatchResult> {
  const started = performance.now();
  const decided = await decide(bus, verified);
  const stored = await store(bus, decided);
  const committed = await commit(bus, stored);
  for (const job of committed) noteOperation(bus, job);
  await afterCommit();
  await settle(bus, committed);
  const result = {
    ...countOutcomes(committed),
    lastSeq: bus.journal.lastSeq,
    ms: Math.round(performance.now() - started),
  };
  report(bus, committed, result);
  return result;
}

/** Aliases are views over the journal; what else an operation asks for is done beside ingestion. */
function noteOperation(bus: Bus, { rows: [row] }: CommittedJob): void {
  if (row?.op_json == null) return;
  const op = JSON.parse(row.op_json) as Operation;
  if (op.type === 'export') bus.requestedExports.push({ names: op.names, force: op.force, seq: row.seq });
}

function countOutcomes(committed: readonly CommittedJob[]) {
  const statuses = committed.map(({ rows }) =>
    isRejection(rows) ? 'rejected' : rows.some(row => row.status !== 'duplicate') ? 'ingested' : 'duplicate',
  );
  const count = (status: string) => statuses.filter(s => s === status).length;
  return {
    jobs: committed.length,
    ingested: count('ingested'),
    duplicates: count('duplicate'),
    rejected: count('rejected'),
  };
}

/** One line per batch, and one per rejection with its code and hint. */
function report(bus: Bus, committed: readonly CommittedJob[], result: BatchResult): void {
  for (const { jobId, rows } of committed) {
    const [row] = rows as [JournalRow];
    if (row.status !== 'rejected') continue;
    const { code, error, hint } = rejectReasonOf(rows);
    bus.logger.warn({ job: jobId, seq: row.seq, code, hint }, `rejected: ${error}`);
  }
  bus.logger.info(result, 'batch committed');
}
