/**
 * Compares what was submitted with inbox, store, journal, receipts, catalog, canonical tables and
 * exports. It shares no code with the daemon: it knows the format from docs/format.md alone, reads
 * the journal's files itself, and hashes every byte.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { checkDataset } from './check-dataset.js';
import type { LedgerJob } from './ledger.js';
import { tables } from './tables.js';
import { listFiles, sha256Of } from './tree.js';

interface JournalRow {
  seq: number;
  ordinal: number;
  status: string;
  job_id: string;
  artifact_key: string | null;
  rel_path: string | null;
  rows: number | null;
  sha256: string | null;
  schema_hint: string | null;
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** Returns the problems of an idle bus; empty if it keeps every guarantee. */
export async function checkBus(dataRoot: string, submitted: Map<string, LedgerJob>): Promise<string[]> {
  const problems: string[] = [];
  const bus = join(dataRoot, 'bus');
  await withDuckDb(':memory:', async query => {
    const journal = await readJournal(bus, query, problems);
    checkJobs(bus, journal, submitted, problems);
    checkStore(bus, journal, problems);
    checkStrayFiles(dataRoot, problems);
    await attempt('the published database', problems, () =>
      withDuckDb(join(dataRoot, 'alerts.duckdb'), published => checkPublished(bus, journal, published, problems)),
    );
    await attempt('an export', problems, () => checkExports(dataRoot, journal, query, problems));
  });
  return problems;
}

/** Runs a check, and turns its error into a problem. */
async function attempt(what: string, problems: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    problems.push(`${what} cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
}

async function withDuckDb(path: string, work: (query: Query) => Promise<void>): Promise<void> {
  const instance = await DuckDBInstance.create(path, path === ':memory:' ? {} : { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    await work(async sql => (await connection.runAndReadAll(sql)).getRowObjectsJS() as Record<string, unknown>[]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Returns all rows: those of the widest segments, then those of later commits in `hot/`. */
async function readJournal(bus: string, query: Query, problems: string[]): Promise<JournalRow[]> {
  const segments = readdirSync(join(bus, 'journal/segments'))
    .map(name => ({ name, first: Number(name.slice(0, 12)), last: Number(name.slice(13, 25)) }))
    .sort((a, b) => a.first - b.first || b.last - a.last);
  const live: typeof segments = [];
  for (const segment of segments) if (segment.last > (live.at(-1)?.last ?? 0)) live.push(segment);
  const compacted = live.at(-1)?.last ?? 0;
  const hot = readdirSync(join(bus, 'journal/hot')).filter(name => Number(name) > compacted);
  const files = [
    ...live.map(segment => join(bus, 'journal/segments', segment.name)),
    ...hot.map(name => join(bus, 'journal/hot', name, 'commit.parquet')),
  ];
  if (files.length === 0) return [];
  const rows = await query(
    `SELECT seq, ordinal, status, job_id, artifact_key, rel_path, rows, sha256, schema_hint FROM read_parquet([${files.map(f => `'${f}'`).join()}], union_by_name = true) ORDER BY seq, ordinal`,
  );
  const journal = rows.map(row => ({
    ...row,
    seq: Number(row.seq),
    ordinal: Number(row.ordinal),
    rows: row.rows === null ? null : Number(row.rows),
  })) as JournalRow[];
  const seqs = [...new Set(journal.map(row => row.seq))];
  if (seqs.some((seq, index) => seq !== index + 1)) problems.push(`journal: seq has a gap: ${seqs.slice(0, 20)}…`);
  const positions = new Set(journal.map(row => `${row.seq}-${row.ordinal}`));
  if (positions.size !== journal.length) problems.push('journal: a row is there twice');
  return journal;
}

function checkJobs(
  bus: string,
  journal: readonly JournalRow[],
  submitted: Map<string, LedgerJob>,
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
    checkOutcome(bus, job, rows, folders, problems);
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
  const ingested = rows.filter(row => row.status === 'ingested').map(row => `${row.artifact_key} ${row.sha256}`);
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

function checkStore(bus: string, journal: readonly JournalRow[], problems: string[]): void {
  const named = new Map<string, JournalRow>();
  for (const row of journal.filter(r => r.status === 'ingested')) {
    const path = row.rel_path ?? '';
    if (named.has(path))
      problems.push(`${row.artifact_key}: ingested twice (seq ${named.get(path)?.seq} and ${row.seq})`);
    named.set(path, row);
    const file = join(bus, path);
    if (!existsSync(file)) problems.push(`${path}: in the journal, not in the store`);
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
    /^bus\/(bus\.json|(writer|backup)\.guard|(daemon|gc|limits)\.json|scrub\.(json|guard))$/,
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

/**
 * Checks that the catalog agrees with the journal, and that canonical tables have the rows that a
 * fresh read of their artifacts gives.
 */
async function checkPublished(
  bus: string,
  journal: readonly JournalRow[],
  published: Query,
  problems: string[],
): Promise<void> {
  const ingested = journal.filter(row => row.status === 'ingested');
  const catalog = await published('SELECT artifact_key, sha256 FROM catalog.artifacts_f');
  const [have, want] = [catalog, ingested].map(rows =>
    rows
      .map(row => `${row.artifact_key} ${row.sha256}`)
      .sort()
      .join('\n'),
  );
  if (have !== want) problems.push(`catalog.artifacts_f: ${catalog.length} rows, the journal has ${ingested.length}`);
  for (const [table, rows] of tablesOf(journal)) {
    const columns = 'run, n, price';
    const [real] = await published(
      `SELECT count(*) AS n, CAST(sum(hash(${columns}, _artifact_key)) AS VARCHAR) AS h FROM canon.${table}`,
    );
    const [fresh] = await published(
      `SELECT count(*) AS n, CAST(sum(hash(${columns}, k)) AS VARCHAR) AS h FROM (${freshRows(bus, table, rows)})`,
    );
    if (real?.n !== fresh?.n || real?.h !== fresh?.h)
      problems.push(`canon.${table}: ${real?.n} rows, a fresh read gives ${fresh?.n}`);
  }
}

/** Returns SQL for the rows that a table must show by its mode, read from the artifacts alone. */
function freshRows(bus: string, table: string, rows: readonly JournalRow[]): string {
  const all = rows
    .map(
      row =>
        `SELECT run, n, price, '${row.artifact_key}' AS k, ${row.seq} AS s, ${row.ordinal} AS o, file_row_number AS r FROM read_parquet('${join(bus, row.rel_path ?? '')}', file_row_number = true)`,
    )
    .join(' UNION ALL ');
  return definitions[tables[table as keyof typeof tables].mode](all, rows);
}

/**
 * The rows that each mode shows, defined independently of the bus: `s` is seq, `o` ordinal, and `r`
 * row.
 */
const definitions = {
  append: (all: string) => all,
  latest: (all: string, rows: readonly JournalRow[]) =>
    `SELECT * FROM (${all}) WHERE s = ${Math.max(...rows.map(row => row.seq))}`,
  upsert: (all: string) =>
    `SELECT * FROM (${all}) QUALIFY row_number() OVER (PARTITION BY ${tables.books.key} ORDER BY s DESC, o DESC, r DESC) = 1`,
};

function tablesOf(journal: readonly JournalRow[]): Map<string, JournalRow[]> {
  return groupBy(
    journal.filter(row => row.status === 'ingested' && row.schema_hint?.startsWith('canon.')),
    row => (row.schema_hint ?? '').slice('canon.'.length),
  );
}

/**
 * Checks that each export is complete, matches its status, and has exactly the rows of the
 * artifacts up to its seq.
 */
async function checkExports(
  dataRoot: string,
  journal: readonly JournalRow[],
  query: Query,
  problems: string[],
): Promise<void> {
  const status = JSON.parse(readFileSync(join(dataRoot, 'exports/_export_status.json'), 'utf8')) as {
    exports: Record<string, { ok: boolean; sha256: string; rows: number; as_of_seq: number; error: string | null }>;
  };
  for (const [table, rows] of tablesOf(journal)) {
    const entry = status.exports[table];
    const { layout } = tables[table as keyof typeof tables];
    const path = join(dataRoot, 'exports', layout === 'dataset' ? table : `${table}.parquet`);
    if (entry?.ok !== true) {
      problems.push(`export ${table}: ${entry?.error ?? 'never ran'}`);
      continue;
    }
    const last = Math.max(...rows.map(row => row.seq));
    if (entry.as_of_seq < last)
      problems.push(`export ${table}: as of ${entry.as_of_seq}, the table changed at ${last}`);
    if (layout === 'dataset') checkDataset(dataRoot, table, problems);
    else if (sha256Of(path) !== entry.sha256)
      problems.push(`export ${table}: the file is not the one that its status names`);
    const pattern = layout === 'dataset' ? `${path}/*.parquet` : path;
    const sum = `SELECT count(*) AS n, CAST(sum(hash(run, n, price)) AS VARCHAR) AS h FROM`;
    const [[real], [fresh]] = [
      await query(`${sum} read_parquet('${pattern}')`),
      await query(`${sum} (${freshRows(join(dataRoot, 'bus'), table, rows)})`),
    ];
    if (real?.n !== fresh?.n || real?.h !== fresh?.h)
      problems.push(`export ${table}: ${real?.n} rows, its artifacts have ${fresh?.n}`);
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
