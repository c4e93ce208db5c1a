/**
 * Compares what was submitted with inbox, store, journal, receipts, catalog, canonical tables and
 * exports. It shares no code with the daemon: it knows the format from docs/format.md alone, reads
 * the journal's files itself, and hashes every byte.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkExports, checkPublished } from './check-rows.js';
import { type ExpectedOutcome, type Fates, fatesOf, type JournalRow } from './fates.js';
import type { LedgerJob, LedgerOp } from './ledger.js';
import { readJournal, withDuckDb } from './read-journal.js';
import { listFiles, sha256Of } from './tree.js';

/** Returns the problems of an idle bus; empty if it keeps every guarantee. */
export async function checkBus(dataRoot: string, ledger: Map<string, LedgerJob>): Promise<string[]> {
  const problems: string[] = [];
  const bus = join(dataRoot, 'bus');
  await withDuckDb(':memory:', async query => {
    const journal = await readJournal(bus, query, problems);
    const submitted = withJobIds(bus, ledger);
    const fates = fatesOf(journal, opsOf(submitted), problems);
    checkJobs(bus, journal, submitted, fates, problems);
    checkStore(bus, fates, problems);
    checkStrayFiles(dataRoot, problems);
    const toHave = { artifacts: fates.artifacts, pathOf: pathsOf(bus, fates, ledger) };
    await attempt('the published database', problems, () =>
      withDuckDb(join(dataRoot, 'alerts.duckdb'), published => checkPublished(toHave, published, problems)),
    );
    await attempt('an export', problems, () => checkExports(dataRoot, toHave, query, problems));
  });
  return problems;
}

/**
 * Returns the artifacts that have lost their bytes although no commit forgets them. This must hold
 * at every moment, and also right after a kill.
 */
export async function lostBytes(dataRoot: string): Promise<string[]> {
  const bus = join(dataRoot, 'bus');
  const problems: string[] = [];
  await withDuckDb(':memory:', async query => {
    const gone = new Set<string>();
    const paths = new Map<string, string>();
    for (const { status, artifact_key, rel_path } of await readJournal(bus, query, problems)) {
      if (['forgotten', 'erased'].includes(status)) gone.add(artifact_key ?? '');
      if (status === 'restored') gone.delete(artifact_key ?? '');
      if (status === 'ingested') paths.set(artifact_key ?? '', rel_path ?? '');
    }
    for (const [key, path] of paths)
      if (!gone.has(key) && !existsSync(join(bus, path))) problems.push(`${key}: lost its bytes without a commit`);
  });
  return problems;
}

/** Returns what was submitted by the job ids of the bus. The manifest of an operation names it. */
function withJobIds(bus: string, ledger: Map<string, LedgerJob>): Map<string, LedgerJob> {
  const submitted = new Map(ledger);
  for (const place of ['processed', 'rejected'])
    for (const jobId of readdirSync(join(bus, place))) {
      const path = join(bus, place, jobId, 'manifest.json');
      const reason = existsSync(path) ? (reasonIn(path) ?? '') : '';
      const job = ledger.get(reason);
      if (job?.op !== undefined && submitted.delete(reason)) submitted.set(jobId, { ...job, jobId });
    }
  return submitted;
}

function reasonIn(manifest: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { op?: { reason?: string } }).op?.reason;
  } catch {
    return undefined;
  }
}

const opsOf = (submitted: ReadonlyMap<string, LedgerJob>): Map<string, LedgerOp> =>
  new Map([...submitted.values()].flatMap(({ jobId, op }) => (op === undefined ? [] : [[jobId, op] as const])));

/** The bytes of a forgotten artifact are still with its producer. */
function pathsOf(bus: string, { artifacts }: Fates, ledger: ReadonlyMap<string, LedgerJob>) {
  const files = new Map<string, string | undefined>();
  for (const job of ledger.values()) for (const { sha256, file } of job.artifacts) files.set(sha256, file);
  return ({ artifact_key, sha256, rel_path }: JournalRow): string => {
    const isGone = artifacts.get(artifact_key ?? '')?.gone !== undefined;
    return (isGone ? files.get(sha256 ?? '') : undefined) ?? join(bus, rel_path ?? '');
  };
}

/** Runs a check, and turns its error into a problem. */
async function attempt(what: string, problems: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    problems.push(`${what} cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
}

function checkJobs(
  bus: string,
  journal: readonly JournalRow[],
  submitted: Map<string, LedgerJob>,
  fates: Fates,
  problems: string[],
): void {
  const rowsOf = groupBy(journal, row => row.job_id);
  for (const job of submitted.values()) {
    const rows = rowsOf.get(job.jobId) ?? [];
    const folders = ['inbox', 'processed', 'rejected'].filter(place => existsSync(join(bus, place, job.jobId)));
    if (rows.length === 0) {
      if (job.acknowledged) problems.push(`${job.jobId}: acknowledged, but the journal does not know it (${folders})`);
      else if (folders.length > 0) problems.push(`${job.jobId}: not in the journal, but in ${folders}`);
      continue;
    }
    checkOutcome(bus, fates.rejected.has(job.jobId) ? { ...job, expect: 'rejected' } : job, rows, folders, problems);
    const outcomes = fates.outcomes.get(job.jobId);
    if (outcomes !== undefined) checkForgotten(bus, job.jobId, outcomes, problems);
  }
  for (const jobId of rowsOf.keys())
    if (!submitted.has(jobId)) problems.push(`${jobId}: in the journal, but nobody submitted it`);
}

function checkOutcome(
  bus: string,
  job: LedgerJob,
  rows: readonly JournalRow[],
  folders: string[],
  problems: string[],
): void {
  const place = job.expect === 'ingested' ? 'processed' : 'rejected';
  if (folders.join() !== place)
    problems.push(`${job.jobId}: must lie in ${place}, lies in ${folders.join(' and ') || 'nothing'}`);
  const brought = rows.filter(row => ['ingested', 'duplicate', 'restored'].includes(row.status));
  // A retry has the same job id, so that an artifact may be there twice.
  const ingested = [...new Set(brought.map(row => `${row.artifact_key} ${row.sha256}`))];
  const expected = job.expect === 'ingested' ? job.artifacts.map(a => `${a.key} ${a.sha256}`) : [];
  if (ingested.sort().join() !== expected.sort().join())
    problems.push(`${job.jobId}: ingested ${ingested.length} artifacts (${ingested}), submitted ${expected.length}`);
  const file = place === 'processed' ? 'RECEIPT.json' : 'REJECT_REASON.json';
  const path = join(bus, place, job.jobId, file);
  try {
    const outcome = JSON.parse(readFileSync(path, 'utf8')) as {
      job_id: string;
      artifacts?: { key: string; sha256: string }[];
    };
    const keys = (outcome.artifacts ?? []).map(a => `${a.key} ${a.sha256}`);
    if (outcome.job_id !== job.jobId || keys.sort().join() !== expected.sort().join())
      problems.push(`${job.jobId}: ${file} is about something else`);
  } catch (error) {
    problems.push(`${job.jobId}: ${file} cannot be read: ${(error as Error).message}`);
  }
}

/** Compares the receipt of an operation `forget` with what must have become of each key. */
function checkForgotten(bus: string, jobId: string, expected: readonly ExpectedOutcome[], problems: string[]): void {
  const line = ({ key, status }: ExpectedOutcome) => `${key} ${status}`;
  try {
    const path = join(bus, 'processed', jobId, 'RECEIPT.json');
    const { forget = [] } = JSON.parse(readFileSync(path, 'utf8')) as { forget?: ExpectedOutcome[] };
    const [have, must] = [forget, expected].map(outcomes => outcomes.map(line).sort().join());
    if (have !== must) problems.push(`${jobId}: its receipt says ${have}, and must say ${must}`);
  } catch (error) {
    problems.push(`${jobId}: its receipt cannot be read: ${(error as Error).message}`);
  }
}

function checkStore(bus: string, { artifacts }: Fates, problems: string[]): void {
  const named = new Set<string>();
  for (const { row, gone } of artifacts.values()) {
    const path = row.rel_path ?? '';
    named.add(path);
    const file = join(bus, path);
    if (gone !== undefined) {
      if (existsSync(file)) problems.push(`${path}: is forgotten, and its bytes are still there`);
    } else if (!existsSync(file)) problems.push(`${path}: in the journal, not in the store`);
    else if (sha256Of(file) !== row.sha256) problems.push(`${path}: its bytes are not what the journal says`);
    else if ((lstatSync(file).mode & 0o777) !== 0o444) problems.push(`${path}: is not read-only`);
  }
  for (const path of listFiles(join(bus, 'store')).map(p => `store/${p}`))
    if (!named.has(path)) problems.push(`${path}: in the store, not in the journal`);
}

function checkStrayFiles(dataRoot: string, problems: string[]): void {
  const allowed = [
    /^alerts\.duckdb$/,
    /^\.alerts\.duckdb\.guard$/,
    /^alerts\.duckdb\.writer\.lock$/,
    /^exports\/(_export_status\.json|(ticks|books)\.parquet|trades|marks)$/,
    /^exports\/\.(trades|marks)\.[0-9a-f]{16}\.dataset\/(_dataset\.json|files\/part-\d{12}-[0-9a-f]{6}\.parquet)$/,
    /^bus\/(bus\.json|(writer|backup)\.guard|(daemon|gc|limits|forgotten)\.json|scrub\.(json|guard))$/,
    /^bus\/(staging|store|processed|rejected)\//, // staging belongs to the producers; the other folders are checked file by file
    /^bus\/journal\/bus\.json$/,
    /^bus\/journal\/segments\/\d{12}-\d{12}\.parquet$/,
    /^bus\/journal\/hot\/\d{12}\/(commit|[a-z]+~\d+~(empty|\d{12}-\d{5}))\.parquet$/,
    /^bus\/canon\/[a-z]+\/(\d{12}-\d{12}\.parquet|table\.json)$/,
    /^bus\/published\/\d{12}-[0-9a-f]{16}\.(duckdb|json)$/,
  ];
  for (const path of listFiles(dataRoot))
    if (!allowed.some(pattern => pattern.test(path))) problems.push(`${path}: a stray file`);
  for (const place of ['inbox', 'claimed', 'journal/building'])
    for (const name of readdirSync(join(dataRoot, 'bus', place))) problems.push(`${place}/${name}: left behind`);
  for (const path of listFiles(join(dataRoot, 'bus/processed')))
    if (!['manifest.json', 'RECEIPT.json'].includes(basename(path))) problems.push(`processed/${path}: a stray file`);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
