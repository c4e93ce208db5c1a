import type { LedgerOp } from './ledger.js';
import { tables } from './tables.js';

/** A row of the journal, as far as it is checked. */
export interface JournalRow {
  seq: number;
  ordinal: number;
  status: string;
  job_id: string;
  producer: string | null;
  kind: string | null;
  artifact_id: string | null;
  artifact_key: string | null;
  rel_path: string | null;
  rows: number | null;
  bytes: number | null;
  sha256: string | null;
  schema_hint: string | null;
  inputs: string | null;
}

/** What must have become of an artifact. */
export interface Fate {
  /** The row of its first commit. */
  row: JournalRow;
  /** Set while it is forgotten. */
  gone: 'forgotten' | 'erased' | undefined;
}

/** What a receipt must say about a key that was to be forgotten. */
export interface ExpectedOutcome {
  key: string;
  status: 'forgotten' | 'protected' | 'already_forgotten' | 'unknown';
}

/** What must be, by the rules of forgetting in docs/guides/retention.md. */
export interface Fates {
  /** Each artifact that was ever committed, by key. */
  artifacts: Map<string, Fate>;
  /** The outcome of each operation `forget`, by job id. */
  outcomes: Map<string, ExpectedOutcome[]>;
  /** Operations that must be rejected, by job id. */
  rejected: Set<string>;
}

/**
 * Decides again, job by job in the order of the journal, what each one had to do, and notes where
 * the journal says something else.
 */
export function fatesOf(
  journal: readonly JournalRow[],
  ops: ReadonlyMap<string, LedgerOp>,
  problems: string[] = [],
): Fates {
  const fates: Fates = { artifacts: new Map(), outcomes: new Map(), rejected: new Set() };
  const kept = new Set<string>();
  for (const rows of jobsOf(journal)) {
    const [first] = rows as [JournalRow, ...JournalRow[]];
    const op = ops.get(first.job_id);
    if (op === undefined) for (const row of rows) noteArtifact(fates, row, problems);
    else if (op.type === 'keep') noteKeep(fates, kept, op, first, problems);
    else noteForget(fates, kept, op, rows, problems);
  }
  return fates;
}

function jobsOf(journal: readonly JournalRow[]): JournalRow[][] {
  const jobs: JournalRow[][] = [];
  for (const row of journal)
    if (jobs.at(-1)?.[0]?.seq === row.seq) jobs.at(-1)?.push(row);
    else jobs.push([row]);
  return jobs;
}

function noteArtifact({ artifacts }: Fates, row: JournalRow, problems: string[]): void {
  if (row.status === 'rejected') return;
  const key = row.artifact_key ?? '';
  const there = artifacts.get(key);
  const must = there === undefined ? 'ingested' : there.gone === undefined ? 'duplicate' : 'restored';
  if (row.status !== must) problems.push(`${key}: is ${row.status} at seq ${row.seq}, and must be ${must}`);
  if (there === undefined) artifacts.set(key, { row, gone: undefined });
  else if (there.row.sha256 !== row.sha256) problems.push(`${key}: has other bytes at seq ${row.seq}`);
  else there.gone = undefined;
}

function noteKeep(
  { artifacts, rejected }: Fates,
  kept: Set<string>,
  op: LedgerOp & { type: 'keep' },
  { job_id, seq, status }: JournalRow,
  problems: string[],
): void {
  const isRejected = op.keep && op.keys.some(key => artifacts.get(key)?.gone !== undefined);
  const must = isRejected ? 'rejected' : 'done';
  if (status !== must) problems.push(`${job_id}: keeps artifacts, is ${status} at seq ${seq}, and must be ${must}`);
  if (isRejected) rejected.add(job_id);
  else for (const key of op.keys) op.keep ? kept.add(key) : kept.delete(key);
}

function noteForget(
  { artifacts, outcomes }: Fates,
  kept: ReadonlySet<string>,
  { keys, force, rows: wish }: LedgerOp & { type: 'forget' },
  [first, ...rows]: JournalRow[],
  problems: string[],
): void {
  const { job_id = '', seq, status } = first ?? {};
  const safe = protectedOnes(artifacts, kept);
  const expected = keys.map((key): ExpectedOutcome & Pick<Fate, 'gone'> => {
    const fate = artifacts.get(key);
    if (fate === undefined) return { key, status: 'unknown', gone: undefined };
    const isDone = fate.gone === 'erased' || (fate.gone === 'forgotten' && wish === 'default');
    if (isDone) return { key, status: 'already_forgotten', gone: undefined };
    if (safe.has(key) && !force) return { key, status: 'protected', gone: undefined };
    return { key, status: 'forgotten', gone: wish === 'drop' || !staysInTable(fate.row) ? 'erased' : 'forgotten' };
  });
  outcomes.set(
    job_id,
    expected.map(({ gone: _, ...outcome }) => outcome),
  );
  const must = expected.flatMap(({ key, gone }) => (gone === undefined ? [] : [`${key} ${gone}`])).sort();
  const have = rows.map(row => `${row.artifact_key} ${row.status}`).sort();
  if (status !== 'done' || have.join() !== must.join())
    problems.push(`${job_id}: is ${status} at seq ${seq}, forgets ${have}, and must forget ${must}`);
  for (const { key, gone } of expected) {
    const fate = artifacts.get(key);
    if (gone !== undefined && fate !== undefined) fate.gone = gone;
  }
}

/** Rows stay in tables that only grow. Without a table there are none that could leave. */
function staysInTable({ schema_hint }: JournalRow): boolean {
  const table = tableOf(schema_hint);
  return table === undefined || tables[table].mode === 'append';
}

/** Returns the canonical table that a hint names. */
export const tableOf = (hint: string | null): keyof typeof tables | undefined =>
  hint?.startsWith('canon.') ? (hint.slice('canon.'.length) as keyof typeof tables) : undefined;

/** Returns what is kept, what it was made from, and the newest of each source and artifact id. */
function protectedOnes(artifacts: ReadonlyMap<string, Fate>, kept: ReadonlySet<string>): Set<string> {
  const safe = new Set<string>();
  const queue = [...kept];
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    if (safe.has(key)) continue;
    safe.add(key);
    queue.push(...(JSON.parse(artifacts.get(key)?.row.inputs ?? '[]') as string[]));
  }
  const newest = new Map<string, string>();
  // In the order of the journal, so the last one wins.
  for (const [key, { row, gone }] of artifacts)
    if (gone === undefined) newest.set(`${row.producer}/${row.kind}/${row.artifact_id}`, key);
  for (const key of newest.values()) safe.add(key);
  return safe;
}
