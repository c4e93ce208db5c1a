/**
 * Compares what was submitted to a cluster with its journal in PostgreSQL, its objects and its
 * lake. It shares no code with the bus: it reads PostgreSQL, files and DuckDB by itself, and hashes
 * every byte.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JournalRow as FateRow, type Fates, fatesOf } from '../fates.js';
import type { LedgerJob } from '../ledger.js';
import { listFiles, sha256Of } from '../tree.js';
import { checkForgetReceipt, checkForgotten, opsOf, placesOf, withJobIds } from './check-forgotten.js';
import { checkTables } from './check-tables.js';
import type { Query } from './lake.js';

/** A row of the journal, as far as it is checked. */
export interface JournalRow extends FateRow {
  manifest_sha256: string;
  reject_code: string | null;
  op_json: string | null;
}

/** What the checker looks at. */
export interface Evidence {
  /** Asks PostgreSQL. */
  journal: Query;
  /** Readers of the lake: one that attached before the first fault, and one that did just now. */
  readers: ReadonlyMap<string, Query>;
  /** The folder behind the object store. */
  objects: string;
  submitted: ReadonlyMap<string, LedgerJob>;
  /** Objects of the store that went while somebody watched. */
  gone: ReadonlySet<string>;
}

/** What is wrong with a cluster that has nothing left to do; empty when every promise holds. */
export async function checkCluster({
  journal,
  readers,
  objects,
  submitted: ledger,
  gone,
}: Evidence): Promise<string[]> {
  const problems: string[] = [];
  const rows = await readJournal(journal, problems);
  const submitted = withJobIds(objects, rows, ledger);
  const fates = fatesOf(rows, opsOf(submitted), problems);
  checkJobs(rows, submitted, problems);
  checkOutcomes(objects, rows, fates, problems);
  checkStore(objects, rows, submitted, fates, problems);
  checkForgotten({ objects, rows, submitted, fates, gone }, problems);
  for (const name of below(objects, 'inbox')) problems.push(`inbox/${name}: left behind`);
  for (const [who, query] of readers)
    await attempt(`the lake, by ${who},`, problems, () =>
      checkLake(who, query, { objects, rows, fates, submitted }, problems),
    );
  return problems;
}

async function attempt(what: string, problems: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    problems.push(`${what} cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
}

async function readJournal(query: Query, problems: string[]): Promise<JournalRow[]> {
  const found = await query(
    `SELECT seq, ordinal, status, job_id, producer, kind, artifact_id, artifact_key, rel_path, sha256, schema_hint,
       inputs, manifest_sha256, reject_code, op_json FROM bus.journal ORDER BY seq, ordinal`,
  );
  const rows = found.map(row => ({ ...row, seq: Number(row.seq), ordinal: Number(row.ordinal) })) as JournalRow[];
  const jobs = (await query('SELECT seq FROM bus.jobs ORDER BY seq')).map(({ seq }) => Number(seq));
  const [head] = await query('SELECT seq FROM bus.head');
  if (jobs.some((seq, index) => seq !== index + 1)) problems.push(`bus.jobs: seq has a gap: ${jobs.slice(0, 20)}…`);
  if (Number(head?.seq) !== jobs.length) problems.push(`bus.head says ${head?.seq}; there are ${jobs.length} jobs`);
  const bySeq = groupBy(rows, ({ seq }) => seq);
  if ([...bySeq.keys()].join() !== jobs.join()) problems.push('bus.journal has other seqs than bus.jobs');
  for (const [seq, group] of bySeq)
    if (group.some(({ ordinal }, index) => ordinal !== index)) problems.push(`seq ${seq}: its ordinals have a gap`);
  return rows;
}

/** Each acknowledged job has one end, and each artifact is ingested once. */
function checkJobs(rows: readonly JournalRow[], submitted: Evidence['submitted'], problems: string[]): void {
  const rowsOf = groupBy(rows, ({ job_id }) => job_id);
  for (const job of submitted.values()) {
    const own = rowsOf.get(job.jobId) ?? [];
    const seqs = new Set(own.map(({ seq }) => seq));
    if (seqs.size === 0) {
      if (job.acknowledged) problems.push(`${job.jobId}: acknowledged, but the journal does not know it`);
      continue;
    }
    if (seqs.size > 1) problems.push(`${job.jobId}: committed ${seqs.size} times (seq ${[...seqs]})`);
    if (job.op !== undefined) continue; // its fate says what its rows must be
    const wanted = job.expect === 'rejected' ? ['rejected'] : ['ingested', 'duplicate', 'restored'];
    const status = new Set(own.map(row => row.status));
    if ([...status].some(one => !wanted.includes(one)))
      problems.push(`${job.jobId}: is ${[...status]}, must be ${wanted.join(' or ')} (${own[0]?.reject_code})`);
    const [have, want] = [
      own.map(row => `${row.artifact_key} ${row.sha256}`),
      job.artifacts.map(a => `${a.key} ${a.sha256}`),
    ];
    if (job.expect === 'ingested' && have.sort().join() !== want.sort().join())
      problems.push(`${job.jobId}: the journal has other artifacts than were submitted: ${have}`);
  }
  for (const [jobId, own] of rowsOf)
    if (jobId.startsWith('invalid-')) {
      if (own[0]?.status !== 'rejected') problems.push(`${jobId}: was no submission, and is ${own[0]?.status}`);
    } else if (!submitted.has(jobId)) problems.push(`${jobId}: in the journal, but nobody submitted it`);
  const ingested = groupBy(
    rows.filter(({ status }) => status === 'ingested'),
    ({ artifact_key }) => artifact_key,
  );
  for (const [key, times] of ingested)
    if (times.length > 1) problems.push(`${key}: ingested ${times.length} times (seq ${times.map(({ seq }) => seq)})`);
  for (const { status, artifact_key, job_id } of rows)
    if (status === 'duplicate' && !ingested.has(artifact_key))
      problems.push(`${job_id}: a duplicate of ${artifact_key}, which nobody has ingested`);
}

/** A receipt or a reason for each job, which says what the journal says. */
function checkOutcomes(objects: string, rows: readonly JournalRow[], fates: Fates, problems: string[]): void {
  const [receipts, rejected] = [below(objects, 'receipts'), below(objects, 'rejected')].map(
    names => new Set(names.filter(name => !name.endsWith('.manifest.json'))),
  ) as [Set<string>, Set<string>];
  for (const [jobId, group] of groupBy(rows, ({ job_id }) => job_id)) {
    const name = `${jobId}.json`;
    const isRejected = group.some(({ status }) => status === 'rejected');
    if (receipts.delete(name) === isRejected)
      problems.push(`receipts/${name}: ${isRejected ? 'is there' : 'is missing'}`);
    if (rejected.delete(name) !== isRejected)
      problems.push(`rejected/${name}: ${isRejected ? 'is missing' : 'is there'}`);
    const path = join(objects, isRejected ? 'rejected' : 'receipts', name);
    if (!existsSync(path)) continue;
    const outcome = JSON.parse(readFileSync(path, 'utf8'));
    checkOutcome(jobId, outcome, group, problems);
    if (!isRejected) checkForgetReceipt(jobId, outcome, fates, problems);
  }
  for (const name of [...receipts, ...rejected])
    problems.push(`${name}: the outcome of a job that the journal does not know`);
}

interface Outcome {
  job_id?: string;
  seq?: number;
  code?: string;
  artifacts?: { key: string; sha256: string; status: string }[];
}

function checkOutcome(jobId: string, outcome: Outcome, rows: readonly JournalRow[], problems: string[]): void {
  const own = rows.filter(({ seq }) => seq === rows.at(-1)?.seq);
  if (own[0]?.status === 'rejected') {
    if (outcome.code !== own[0].reject_code)
      problems.push(`${jobId}: its reason is ${outcome.code}, the journal has ${own[0].reject_code}`);
    return;
  }
  const have = (outcome.artifacts ?? []).map(({ key, sha256, status }) => `${key} ${sha256} ${status}`);
  const want = own
    .filter(({ status }) => ['ingested', 'duplicate', 'restored'].includes(status))
    .map(({ artifact_key, sha256, status }) => `${artifact_key} ${sha256} ${status}`);
  if (outcome.job_id !== jobId || outcome.seq !== own[0]?.seq || have.join() !== want.join())
    problems.push(`${jobId}: its receipt says something else than the journal`);
}

/** Checks that each artifact is in the store with its bytes, and only what was sent. */
function checkStore(
  objects: string,
  rows: readonly JournalRow[],
  submitted: Evidence['submitted'],
  fates: Fates,
  problems: string[],
): void {
  const sent = new Set([...submitted.values()].flatMap(({ artifacts }) => artifacts.map(({ sha256 }) => sha256)));
  const named = new Set<string>();
  for (const [key, rel_path] of placesOf(rows)) {
    const { row, gone } = fates.artifacts.get(key) ?? {};
    if (gone !== undefined) continue;
    const path = join(objects, rel_path);
    named.add(rel_path);
    if (!existsSync(path)) problems.push(`${rel_path}: in the journal, not in the store`);
    else if (sha256Of(path) !== row?.sha256) problems.push(`${rel_path}: its bytes are not what the journal says`);
  }
  for (const name of below(objects, 'store'))
    if (!named.has(`store/${name}`) && !sent.has(sha256Of(join(objects, 'store', name))))
      problems.push(`store/${name}: nobody has sent these bytes`);
}

async function checkLake(
  who: string,
  query: Query,
  { objects, rows, fates, submitted }: Pick<Evidence, 'objects' | 'submitted'> & { rows: JournalRow[]; fates: Fates },
  problems: string[],
) {
  const shown = await query(
    'SELECT seq, ordinal, job_id, status, artifact_key, sha256 FROM _bus.journal ORDER BY seq, ordinal',
  );
  const line = (row: Record<string, unknown>) =>
    [row.seq, row.ordinal, row.job_id, row.status, row.artifact_key, row.sha256].map(String).join(' ');
  const [have, want] = [shown.map(line), rows.map(row => line({ ...row }))];
  if (have.join('\n') !== want.join('\n')) {
    const twice = have.filter((text, index) => text === have[index - 1]);
    problems.push(
      `${who}: _bus.journal has ${have.length} rows, the journal ${want.length}; twice: ${twice.slice(0, 3)}`,
    );
  }
  const catalog = await query(
    'SELECT artifact_key AS key, CAST(forgotten_at IS NOT NULL AS VARCHAR) AS gone FROM catalog.artifacts_f ORDER BY 1',
  );
  const listed = catalog.map(({ key, gone }) => `${key} ${gone}`);
  const due = [...fates.artifacts].map(([key, { gone }]) => `${key} ${gone !== undefined}`);
  const wrong = [...listed.filter(one => !due.includes(one)), ...due.filter(one => !listed.includes(one))];
  if (listed.length !== due.length || wrong.length > 0)
    problems.push(
      `${who}: catalog.artifacts_f has ${listed.length} rows, must have ${due.length}: ${wrong.slice(0, 4)}`,
    );
  const files = new Map([...submitted.values()].flatMap(job => job.artifacts.map(one => [one.sha256, one.file])));
  const places = placesOf(rows);
  const artifacts = [...fates.artifacts].flatMap(([key, { row, gone }]) =>
    gone === 'erased'
      ? []
      : [{ ...row, path: (gone && files.get(row.sha256 ?? '')) ?? join(objects, places.get(key) ?? '') }],
  );
  await checkTables(who, query, artifacts, problems);
}

/** The files below a folder, without what is being written. */
const below = (objects: string, place: string): string[] =>
  existsSync(join(objects, place)) ? listFiles(join(objects, place)).filter(name => !/(^|\/)\./.test(name)) : [];

export function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
