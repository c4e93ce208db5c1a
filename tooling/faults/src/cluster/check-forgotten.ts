import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ExpectedOutcome, Fates } from '../fates.js';
import type { LedgerJob, LedgerOp } from '../ledger.js';
import type { JournalRow } from './checker.js';

/** Returns what was submitted, by the job ids of the bus. Journals have an operation's reason. */
export function withJobIds(
  rows: readonly JournalRow[],
  ledger: ReadonlyMap<string, LedgerJob>,
): Map<string, LedgerJob> {
  const submitted = new Map(ledger);
  for (const { job_id, op_json } of rows) {
    const { reason = '' } = op_json === null ? {} : (JSON.parse(op_json) as { reason?: string });
    const job = ledger.get(reason);
    if (job?.op !== undefined && submitted.delete(reason)) submitted.set(job_id, { ...job, jobId: job_id });
  }
  return submitted;
}

export const opsOf = (submitted: ReadonlyMap<string, LedgerJob>): Map<string, LedgerOp> =>
  new Map([...submitted.values()].flatMap(({ jobId, op }) => (op === undefined ? [] : [[jobId, op] as const])));

/** Returns the present place of each artifact. One that was restored may have another. */
export const placesOf = (rows: readonly JournalRow[]): Map<string, string> =>
  new Map(
    rows
      .filter(({ status }) => status === 'ingested' || status === 'restored')
      .map(({ artifact_key, rel_path }) => [artifact_key ?? '', rel_path ?? '']),
  );

/** Compares the receipt of an operation `forget` with what must have become of each key. */
export function checkForgetReceipt(
  jobId: string,
  { forget = [] }: { forget?: ExpectedOutcome[] },
  { outcomes }: Fates,
  problems: string[],
): void {
  const line = ({ key, status }: ExpectedOutcome) => `${key} ${status}`;
  const [have, must] = [forget, outcomes.get(jobId) ?? []].map(some => some.map(line).sort().join());
  if (have !== must) problems.push(`${jobId}: its receipt says ${have}, and must say ${must}`);
}

/** Checks that the bytes of forgotten artifacts are gone, and that no others ever went. */
export function checkForgotten(
  {
    objects,
    rows,
    submitted,
    fates,
    gone,
  }: {
    objects: string;
    rows: readonly JournalRow[];
    submitted: ReadonlyMap<string, LedgerJob>;
    fates: Fates;
    gone: ReadonlySet<string>;
  },
  problems: string[],
): void {
  const wereForgotten = new Set<string | null>();
  for (const { status, artifact_key } of rows)
    if (status === 'forgotten' || status === 'erased') wereForgotten.add(artifact_key);
  const places = rows.flatMap(({ artifact_key, rel_path }) =>
    wereForgotten.has(artifact_key) && rel_path !== null ? [{ key: artifact_key ?? '', rel_path }] : [],
  );
  const mayGo = new Set(places.flatMap(({ rel_path }) => [rel_path, rel_path.replace(/~[0-9a-f]{16}\./, '.')]));
  for (const place of gone)
    if (!mayGo.has(place)) problems.push(`${place}: went, although nobody has forgotten its artifact`);
  const brought = broughtInVain(rows, submitted);
  for (const { key, rel_path } of places) {
    const { row, gone: isGone } = fates.artifacts.get(key) ?? {};
    if (isGone === undefined || brought.has(row?.sha256 ?? '')) continue;
    if (existsSync(join(objects, rel_path))) problems.push(`${rel_path}: is ${isGone}, and its bytes are still there`);
  }
}

/** Returns the bytes that came with a job that was rejected, or was never submitted as a whole. */
function broughtInVain(rows: readonly JournalRow[], submitted: ReadonlyMap<string, LedgerJob>): Set<string> {
  const committed = new Set(rows.filter(({ status }) => status !== 'rejected').map(({ job_id }) => job_id));
  return new Set(
    [...submitted.values()]
      .filter(({ jobId }) => !committed.has(jobId))
      .flatMap(({ artifacts }) => artifacts.map(({ sha256 }) => sha256)),
  );
}
