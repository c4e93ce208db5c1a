import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, fileNames, rejectReasonSchema, systemErrorCode, writeFileAtomic } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import type { JournalRow } from '../journal/row.js';
import { listClaimed } from '../stages/claim.js';
import type { ClaimedJob } from '../stages/job.js';
import { isRejection, receiptOf, rejectReasonOf } from '../stages/outcome.js';
import { readReceipt, settle } from '../stages/settle.js';

/** Receipts of jobs that were committed this long before the last commit are looked at, and of this many at least, whatever the clock said: a power cut may have torn them. */
const receiptWindowMs = 120_000;
const receiptWindowJobs = 10_000;
/** With five times as many the daemon took 330 instead of 220 MB at a start after 100,000 artifacts, and was no faster. */
const rowsAtOnce = 1_000;

/**
 * What an earlier process, or a batch that failed, left in `claimed/`: jobs that the journal has are settled; the others are returned,
 * oldest first, to go through the stages again. `isOrphan` says of a claim whether nobody has its job in hand.
 */
export async function recoverClaimed(
  bus: Bus,
  isOrphan: (claim: string) => boolean = () => true,
): Promise<ClaimedJob[]> {
  const claimed = await listClaimed(bus, isOrphan);
  if (claimed.length === 0) return [];
  const committed = await bus.journal.findClaims(claimed.map(job => job.claim));
  await settle(
    bus,
    claimed.flatMap(job => {
      const rows = committed.get(job.claim);
      return rows === undefined ? [] : [{ ...job, rows }];
    }),
  );
  return claimed.filter(job => !committed.has(job.claim));
}

/**
 * Makes again what settling had written without flushing it, where a power cut took it: receipts and reasons of the last two minutes
 * before the last commit, and of the last ten thousand jobs. (The kernel writes everything older back by itself.)
 *
 * @returns how many had to be made again.
 */
export async function repairReceipts(bus: Bus): Promise<number> {
  const { lastSeq } = bus.journal; // what is committed from now on is still to be settled
  const last = await bus.journal.lastCommittedAt();
  if (last === undefined) return 0;
  const since = await bus.journal.committedSince(last - receiptWindowMs, lastSeq - receiptWindowJobs);
  const jobs = since.filter(({ seq }) => seq <= lastSeq);
  let repaired = 0;
  const seen = new Set<string>();
  for (const { first, last: newest } of pagesOf(jobs))
    for (const rows of [...(await bus.journal.jobsBetween(first, newest)).values()].reverse()) {
      const outcome = `${isRejection(rows) ? 'rejected' : 'processed'}/${rows[0]?.job_id}`;
      if (seen.has(outcome)) continue; // a newer job of this id has it
      seen.add(outcome);
      if (await repairOne(bus, rows)) repaired++;
    }
  return repaired;
}

/** Runs of jobs that together have a bounded number of rows, newest first: a job may have ten thousand. */
export function* pagesOf(jobs: readonly { seq: number; rows: number }[]): Generator<{ first: number; last: number }> {
  for (let from = 0; from < jobs.length; ) {
    let to = from;
    for (let rows = 0; to < jobs.length && (to === from || rows + (jobs[to]?.rows ?? 0) <= rowsAtOnce); to++)
      rows += jobs[to]?.rows ?? 0;
    yield { first: jobs[to - 1]?.seq ?? 0, last: jobs[from]?.seq ?? 0 };
    from = to;
  }
}

async function repairOne(bus: Bus, rows: readonly JournalRow[]): Promise<boolean> {
  const [row] = rows as [JournalRow];
  const rejected = isRejection(rows);
  const folder = join(rejected ? bus.layout.rejected : bus.layout.processed, row.job_id);
  const path = join(folder, rejected ? fileNames.rejectReason : fileNames.receipt);
  if (await isSound(path, rejected)) return false;
  // A rename is there or not there, so a rejected folder that is nowhere was taken out by `retry` or `gc`, and not by a power cut.
  if (rejected && !(await exists(folder))) return false;
  await mkdir(folder, { recursive: true });
  writeFileAtomic(path, `${JSON.stringify(rejected ? rejectReasonOf(rows) : receiptOf(bus.layout, rows), null, 2)}\n`);
  return true;
}

async function isSound(path: string, rejected: boolean): Promise<boolean> {
  if (!rejected) return readReceipt(path) !== undefined;
  try {
    return rejectReasonSchema.safeParse(JSON.parse(await readFile(path, 'utf8'))).success;
  } catch (error) {
    if (error instanceof SyntaxError || ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
}
