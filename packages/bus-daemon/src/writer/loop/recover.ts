import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { breathe, isMachineFault } from '@quantbot/bus-format';
import {
  isRejection,
  type JobHead,
  type JournalRow,
  maxOutcomeBytes,
  receiptOf,
  rejectReasonOf,
  textOf,
} from '@quantbot/bus-format/journal';
import { BusError } from '@quantbot/infra';
import {
  fileNames,
  ownFolderMode,
  readLoneFile,
  removeTemporaries,
  replaceFile,
  systemErrorCode,
} from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import type { ClaimedJob } from '../job.js';
import { listClaimed } from '../stages/claim.js';
import { settle } from '../stages/settle.js';

/**
 * Receipts of this period before the last commit are checked, and at least this many, because a
 * power cut may have torn them.
 */
const receiptWindowMs = 120_000;
const receiptWindowJobs = 10_000;
/** Jobs per query of the journal. */
const headsAtOnce = 2_000;
/**
 * Rows per query of the journal. With five times as many, a start after 100,000 artifacts took 330
 * instead of 220 MB and was no faster.
 */
const rowsAtOnce = 1_000;

/**
 * Handles jobs that an earlier process or a failed batch left in `claimed/`. Settles those that the
 * journal has, and returns the others, oldest first, to go through the stages again. `isOrphan`
 * says whether no batch holds a claim.
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
 * Rewrites receipts and reasons that a power cut tore, because settling does not flush them: those
 * of the last two minutes before the last commit, and of the last ten thousand jobs. The kernel
 * writes everything older back by itself.
 *
 * @returns the number of rewritten files.
 */
export async function repairReceipts(bus: Bus): Promise<number> {
  const { lastSeq } = bus.journal; // later commits are settled anyway
  const last = await bus.journal.lastCommittedAt();
  if (last === undefined) return 0;
  let repaired = 0;
  const seen = new Set<string>();
  for (let upTo = lastSeq; upTo > 0; upTo -= headsAtOnce) {
    const heads = await bus.journal.jobHeads(upTo - headsAtOnce, upTo);
    const isLongAgo = heads.every(({ committedAtMs }) => committedAtMs < last - receiptWindowMs);
    if (isLongAgo && upTo <= lastSeq - receiptWindowJobs) break;
    const torn: JobHead[] = [];
    for (const head of heads) {
      const outcome = `${head.isRejected ? 'rejected' : 'processed'}/${head.jobId}`;
      if (!seen.has(outcome) && !isWhole(bus, head)) torn.push(head);
      seen.add(outcome); // a later job with this id has replaced it
      await breathe();
    }
    for (const head of torn) {
      const path = outcomePath(bus, head.jobId, head.isRejected);
      // Only to tidy up: whatever is wrong with the folder shows below.
      await removeTemporaries(dirname(path), basename(path)).catch(() => {});
    }
    for (const page of pagesOf(torn))
      for (const rows of (await bus.journal.jobsOf(page.map(({ seq }) => seq))).values())
        if (repairOne(bus, rows)) repaired++;
  }
  return repaired;
}

/** Groups jobs by a bounded number of rows: one job may have ten thousand. */
export function* pagesOf(jobs: readonly JobHead[]): Generator<JobHead[]> {
  for (let from = 0; from < jobs.length; ) {
    let to = from;
    for (let rows = 0; to < jobs.length && (to === from || rows + (jobs[to]?.rows ?? 0) <= rowsAtOnce); to++)
      rows += jobs[to]?.rows ?? 0;
    yield jobs.slice(from, to);
    from = to;
  }
}

const outcomePath = ({ layout }: Bus, jobId: string, isRejected: boolean): string =>
  isRejected ? join(layout.rejected, jobId, fileNames.rejectReason) : join(layout.processed, jobId, fileNames.receipt);

/**
 * Whether a receipt or reason exists and is whole. A torn one is empty or not JSON. Skips an
 * unreadable one, and a rejected job without a folder: `retry` or `gc` took it.
 */
function isWhole(bus: Bus, { jobId, isRejected }: Pick<JobHead, 'jobId' | 'isRejected'>): boolean {
  const path = outcomePath(bus, jobId, isRejected);
  if (isRejected && !existsSync(dirname(path))) return true;
  try {
    const text = readLoneFile(path, maxOutcomeBytes).toString('utf8');
    // Where names ignore case, the later one of two jobs whose ids differ in case has the folder.
    const found = (JSON.parse(text) as { job_id?: unknown } | null)?.job_id;
    return typeof found === 'string' && found.toLowerCase() === jobId.toLowerCase();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof BusError) return false;
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    if (code === undefined || isMachineFault(error)) throw error;
    return true;
  }
}

/** Synchronous, so that no newer outcome of the same job comes between check and write. */
function repairOne(bus: Bus, rows: readonly JournalRow[]): boolean {
  const [{ job_id: jobId }] = rows as [JournalRow];
  const isRejected = isRejection(rows);
  if (isWhole(bus, { jobId, isRejected })) return false;
  const path = outcomePath(bus, jobId, isRejected);
  const outcome = isRejected ? rejectReasonOf(rows) : receiptOf(bus.layout, rows, bus.journal.names);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: ownFolderMode });
    replaceFile(path, textOf(outcome));
    return true;
  } catch (error) {
    if (isMachineFault(error)) throw error;
    bus.logger.error({ job: jobId, err: error }, 'the receipt or reason of a job is damaged and cannot be rewritten');
    return false;
  }
}
