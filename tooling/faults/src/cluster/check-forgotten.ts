import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExpectedOutcome, Fates } from '../fates.js';
import type { LedgerJob, LedgerOp } from '../ledger.js';
import type { JournalRow } from './checker.js';

/** Returns what was submitted, by the job ids of the bus. The reason of an operation names it. */
export function withJobIds(
  objects: string,
  rows: readonly JournalRow[],
  ledger: ReadonlyMap<string, LedgerJob>,
): Map<string, LedgerJob> {
  const submitted = new Map(ledger);
  for (const row of rows) {
    const reason = reasonOf(objects, row);
    const job = ledger.get(reason);
    if (job?.op !== undefined && submitted.delete(reason)) submitted.set(row.job_id, { ...job, jobId: row.job_id });
  }
  return submitted;
}

/** The journal has the operations that were done; a rejected one is in its manifest only. */
function reasonOf(objects: string, { job_id, op_json, status }: JournalRow): string {
  const manifest = join(objects, 'rejected', `${job_id}.manifest.json`);
  if (op_json !== null) return (JSON.parse(op_json) as { reason?: string }).reason ?? '';
  if (status !== 'rejected' || !existsSync(manifest)) return '';
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { op?: { reason?: string } }).op?.reason ?? '';
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
