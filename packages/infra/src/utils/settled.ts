import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ZodType, z } from 'zod';
import { busLayout, fileNames } from '../bus-layout.js';
import { BusError, busError, systemErrorCode } from '../errors.js';
import { type Receipt, type RejectReason, receiptSchema, rejectReasonSchema } from '../receipt.js';
import { watchOutcome } from './outcome-watch.js';

/** How long to wait for a job. */
export interface SettleOptions {
  /** Milliseconds; 60,000 by default. */
  timeoutMs?: number;
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal;
}

/** Identifies a submission among all with the same job id. */
export interface SubmissionIdentity {
  jobId: string;
  /** SHA-256 of the submitted `manifest.json`. */
  manifestSha256: string;
  artifacts: readonly { key: string; sha256: string }[];
}

/**
 * The daemon rejected the job. `code` and `hint` are those of `REJECT_REASON.json`, which is at
 * `reason`.
 */
export class JobRejectedError extends BusError {
  readonly reason: RejectReason;

  constructor(reason: RejectReason) {
    super(reason.code, reason.error, { hint: reason.hint, details: reason.details, disposition: 'reject' });
    this.reason = reason;
  }
}

/** A newer daemon may use further codes, which are passed on. */
const anyReasonSchema = rejectReasonSchema.extend({ code: z.string() });

const defaultTimeoutMs = 60_000;
/** How often one job is polled if no change is noticed. Many jobs are polled less often each. */
const pollMs = 100;
const maxPollsPerMs = 1;

/**
 * Waits until the daemon has settled a submission.
 *
 * @throws JobRejectedError; BusError `SETTLE_TIMEOUT`; the signal's reason.
 */
export async function waitUntilSettled(
  busRoot: string,
  job: SubmissionIdentity,
  { timeoutMs = defaultTimeoutMs, signal }: SettleOptions = {},
): Promise<Receipt> {
  if (Number.isNaN(timeoutMs)) throw busError('OPTIONS_INVALID', 'timeoutMs is not a number.');
  const deadline = performance.now() + timeoutMs;
  const changes = watchOutcome(busRoot, job.jobId);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const receipt = readOutcome(busRoot, job);
      if (receipt !== undefined) return receipt;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw busError(
          'SETTLE_TIMEOUT',
          `The job ${job.jobId} was not settled within ${timeoutMs} ms; it ${await whereIs(busRoot, job.jobId)}.`,
        );
      const waitMs = Math.max(pollMs, changes.waiting() / maxPollsPerMs);
      await changes.next(Math.min(waitMs, leftMs), signal);
    }
  } finally {
    changes.close();
  }
}

/**
 * Returns the receipt of this submission, or throws its rejection. Older outcomes of the same job
 * id do not count.
 */
function readOutcome(busRoot: string, job: SubmissionIdentity): Receipt | undefined {
  const layout = busLayout(busRoot);
  const receipt = readJson(join(layout.processed, job.jobId, fileNames.receipt), receiptSchema);
  if (receipt !== undefined && answers(receipt, job)) return receipt;
  const reason = readJson(join(layout.rejected, job.jobId, fileNames.rejectReason), anyReasonSchema);
  if (reason?.manifest_sha256 === job.manifestSha256) throw new JobRejectedError(reason as RejectReason);
  return undefined;
}

function answers(receipt: Receipt, job: SubmissionIdentity): boolean {
  const hashes = new Map(receipt.artifacts.map(({ key, sha256 }) => [key, sha256]));
  return hashes.size === job.artifacts.length && job.artifacts.every(({ key, sha256 }) => hashes.get(key) === sha256);
}

/** Treats a missing or torn file as "not settled yet": the daemon rewrites it. */
function readJson<T>(path: string, schema: ZodType<T>): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function whereIs(busRoot: string, jobId: string): Promise<string> {
  const layout = busLayout(busRoot);
  if (existsSync(join(layout.inbox, jobId))) return 'waits in the inbox';
  const claimed = await readdir(layout.claimed).catch(() => []);
  return claimed.some(name => /^[0-9a-f]/.test(name) && name.endsWith(`~${jobId}`))
    ? 'is being worked on'
    : 'is neither in the inbox nor being worked on';
}
