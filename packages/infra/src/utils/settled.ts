import * as z from 'zod';
import { BusError, busError } from '../errors.js';
import { type Receipt, type RejectReason, receiptSchema, rejectReasonSchema } from '../receipt.js';

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

/** Where the outcome of a job appears. */
export interface OutcomeSource {
  /** Reads the receipt and the rejection that exist for a job now. */
  read(jobId: string): FoundOutcome | Promise<FoundOutcome>;
  /** Begins to watch for a job. */
  watch(jobId: string): OutcomeWaiting;
  /** Returns where a job without an outcome is, as the end of a sentence "it …". */
  whereIs(jobId: string): Promise<string>;
}

/** The texts of a receipt and of a rejection. Either may belong to an older submission. */
export interface FoundOutcome {
  receipt: string | undefined;
  reason: string | undefined;
}

/** Waits between two looks. */
export interface OutcomeWaiting {
  /**
   * Resolves when it is time to look again, at the latest after `maxMs`, or when the signal aborts.
   */
  next(maxMs: number, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** A newer daemon may use further codes, which are passed on. */
const anyReasonSchema = rejectReasonSchema.extend({ code: z.string() });

const defaultTimeoutMs = 60_000;
/** How long the last read may take after the timeout. */
const graceMs = 1000;
/** The longest delay of a Node.js timer. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Waits until the daemon has settled a submission.
 *
 * @throws JobRejectedError; BusError `SETTLE_TIMEOUT`; the signal's reason.
 */
export async function waitUntilSettled(
  source: OutcomeSource,
  job: SubmissionIdentity,
  { timeoutMs = defaultTimeoutMs, signal }: SettleOptions = {},
): Promise<Receipt> {
  if (Number.isNaN(timeoutMs)) throw busError('OPTIONS_INVALID', 'timeoutMs is not a number.');
  const deadline = performance.now() + timeoutMs;
  const changes = source.watch(job.jobId);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const look = source.read(job.jobId);
      const lookMs = Math.max(deadline - performance.now(), graceMs);
      const found = look instanceof Promise ? await inTime(look, lookMs, signal) : look;
      const receipt = found && outcomeOf(found, job);
      if (receipt !== undefined) return receipt;
      signal?.throwIfAborted();
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        const place =
          (await inTime(source.whereIs(job.jobId), graceMs, signal)) ?? 'may be settled: the bus does not answer';
        throw busError('SETTLE_TIMEOUT', `The job ${job.jobId} was not settled within ${timeoutMs} ms; it ${place}.`);
      }
      await changes.next(leftMs, signal);
    }
  } finally {
    changes.close();
  }
}

/** Returns the result of `work`; undefined if the time is over or the signal aborts first. */
async function inTime<T>(work: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  work.catch(() => {}); // a late failure changes nothing
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), Math.min(ms, maxTimerMs));
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  try {
    return await Promise.race([
      work,
      new Promise<undefined>(resolve => {
        if (either.aborted) resolve(undefined);
        either.addEventListener('abort', () => resolve(undefined), { once: true });
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Returns the receipt of this submission, or throws its rejection. Older outcomes of the same job
 * id do not count.
 */
function outcomeOf(found: FoundOutcome, job: SubmissionIdentity): Receipt | undefined {
  const receipt = parsed(found.receipt, receiptSchema);
  if (receipt !== undefined && answers(receipt, job)) return receipt;
  const reason = parsed(found.reason, anyReasonSchema);
  if (reason?.manifest_sha256 === job.manifestSha256) throw new JobRejectedError(reason as RejectReason);
  return undefined;
}

function answers(receipt: Receipt, job: SubmissionIdentity): boolean {
  const hashes = new Map(receipt.artifacts.map(({ key, sha256 }) => [key, sha256]));
  return hashes.size === job.artifacts.length && job.artifacts.every(({ key, sha256 }) => hashes.get(key) === sha256);
}

/** Treats a torn file as "not settled yet": the daemon rewrites it. */
function parsed<T>(text: string | undefined, schema: z.ZodType<T>): T | undefined {
  try {
    return text === undefined ? undefined : schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
