import type { RegisteredArtifact } from '@quantbot/bus-format/canon';
import { foldKeys, type JournalRow, type Judged, type KeyRow, type KnownArtifact } from '@quantbot/bus-format/journal';
import type { ParquetColumn } from '@quantbot/infra';
import { columnTexts, unnested } from './column-texts.js';
import { judgeIn, keysAmong } from './judge.js';
import { mustBeOwn, versionQuery } from './migrate.js';
import { type Condemned, condemnedAmong, condemnedQuery } from './places.js';
import { CommitUnknown, type PgRow, type Postgres, type Queries } from './postgres/postgres.js';
import { rowFrom } from './row-from.js';
import { writeJobs } from './write-jobs.js';

/** The identity of a submission, and the claim of the daemon that works on it. */
export interface Submission {
  claim: string;
  jobId: string;
  manifestSha256: string;
  /** The seq of the rejection that it retries; 0 if it is no retry. */
  retryOf: number;
}

/** The state that a commit is decided on. It cannot change, because `bus.head` is locked. */
export interface Head {
  lastSeq: number;
  /** The time of the commit (milliseconds), by PostgreSQL's clock: those of hosts may differ. */
  nowMs: number;
  /** The artifacts in the journal with keys of the batch. */
  known: ReadonlyMap<string, KnownArtifact>;
  /** Objects of the batch, or of known artifacts, that may be removed at any time. */
  condemned: ReadonlySet<string>;
  /** The schemas of canonical tables since the seq that the caller knows, in order. */
  schemas: readonly RegisteredArtifact[];
  /** Whether operations have changed canonical tables since that seq. */
  hasTableOperations: boolean;
  /** The seqs of submissions of the batch that are already committed, by claim. */
  earlier: ReadonlyMap<string, number>;
  /** Judges keys that an operation wants to forget, by the journal before this commit. */
  judge(keys: readonly string[]): Promise<Judged[]>;
  /** The transaction that holds the lock, for operations that are rare. */
  queries: Queries;
}

/** The submissions that one transaction commits. */
export interface Batch {
  jobs: readonly Submission[];
  /** The keys of their artifacts. */
  keys: readonly string[];
  /** The objects that new rows may name. */
  objects: readonly string[];
  /** The last seq whose schemas the caller knows. */
  schemasAfter: number;
}

/** The content of a commit. */
export interface Decision {
  /** Rows of the new jobs, with seqs from `lastSeq + 1` without gaps. */
  rows: readonly JournalRow[];
  /** Canonical tables that get rows. */
  tables: readonly string[];
}

/** The result of a commit. */
export interface Commit {
  firstSeq: number;
  /** `firstSeq - 1` if all submissions were committed before. */
  lastSeq: number;
  /** Seqs of submissions that were committed before, by claim. */
  earlier: ReadonlyMap<string, number>;
}

/**
 * Commits a batch in one transaction: the order of the bus is the order in which `bus.head` is
 * locked. `decide` runs under the lock, so it must not wait for anything else.
 *
 * @throws CommitUnknown: call {@link resolveCommit} until it answers; DaemonError `CLUSTER_NEWER`
 * once a newer program has migrated the schema.
 */
export function commitBatch(
  postgres: Postgres,
  batch: Batch,
  decide: (head: Head) => Promise<Decision>,
): Promise<Commit> {
  return postgres.transaction(
    async (queries, [heads = [], versions = []]) => {
      mustBeOwn(Number(versions[0]?.version ?? 0));
      const { seq: lastSeq, nowMs } = heads[0] as { seq: number; nowMs: number };
      const { found, earlier, schemas, hasTableOperations, condemned } = await readState(queries, batch, lastSeq);
      const known = foldKeys(found);
      const forgotten = [...known].filter(([, { gone }]) => gone !== undefined).map(([key]) => key);
      const { rows, tables } = await decide({
        lastSeq,
        nowMs,
        known,
        condemned: await condemnedAmong(queries, condemned, { objects: batch.objects, forgotten }),
        schemas,
        hasTableOperations,
        earlier,
        judge: keys => judgeIn(queries, keys),
        queries,
      });
      const retryOf = new Map(batch.jobs.map(job => [job.claim, job.retryOf]));
      if (rows.length > 0) await writeJobs(queries, rows, { tables, retryOf });
      return { firstSeq: lastSeq + 1, lastSeq: rows.at(-1)?.seq ?? lastSeq, earlier };
    },
    [lockHead, versionQuery],
  );
}

const lockHead = `SELECT seq, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS "nowMs" FROM bus.head FOR UPDATE`;

/** What a commit depends on. It is read by one statement, under the lock. */
interface State {
  found: KeyRow[];
  earlier: ReadonlyMap<string, number>;
  schemas: RegisteredArtifact[];
  hasTableOperations: boolean;
  condemned: Condemned;
}

async function readState(queries: Queries, { jobs, keys, schemasAfter }: Batch, lastSeq: number): Promise<State> {
  const { texts, end, none } = columnTexts([
    keys,
    jobs.map(({ claim }) => claim),
    jobs.map(({ jobId }) => jobId),
    jobs.map(({ manifestSha256 }) => manifestSha256),
    jobs.map(({ retryOf }) => retryOf),
  ]);
  const [state] = await queries.query<{
    found: KeyRow[];
    earlier: { claim: string; seq: number }[];
    schemas: SchemaRow[];
    operated: boolean;
    condemned: Condemned;
  }>(stateQuery, [end, none, schemasAfter, lastSeq, ...texts]);
  const {
    found = [],
    earlier = [],
    schemas = [],
    operated = false,
    condemned = { condemned: 0, hasOrphans: false },
  } = state ?? {};
  return {
    found,
    earlier: new Map(earlier.map(({ claim, seq }) => [claim, seq])),
    schemas: schemas.map(registered),
    hasTableOperations: operated,
    condemned,
  };
}

const schemasQuery =
  'SELECT seq, schema_hint, artifact_key, schema_json FROM bus.schemas WHERE seq > $1 AND seq <= $2 ORDER BY seq, ordinal';

/** Each submission is looked up by itself: PostgreSQL might read the whole table for a join. */
const earlierQuery = `SELECT given.claim, committed.seq
  FROM ${unnested(
    ['text', 'text', 'text', 'bigint'].map((type, index) => ({ type, text: `$${index + 6}` })),
    { end: '$1', none: '$2' },
  )} AS given (claim, job, hash, retry) CROSS JOIN LATERAL (
    SELECT seq FROM bus.jobs WHERE (job_id, manifest_sha256, retry_of) = (job, hash, retry) LIMIT 1) committed`;

const asArray = (query: string) => `(SELECT coalesce(json_agg(r), '[]') FROM (${query}) r)`;
const stateQuery = `SELECT
  ${asArray(keysAmong(unnested([{ type: 'text', text: '$5' }], { end: '$1', none: '$2' })))} AS found,
  ${asArray(earlierQuery)} AS earlier,
  ${asArray(schemasQuery.replace('$1', '$3').replace('$2', '$4'))} AS schemas,
  (SELECT turn > $3 FROM bus.head) AS operated,
  (SELECT row_to_json(r) FROM (${condemnedQuery}) r) AS condemned`;

interface SchemaRow extends PgRow {
  seq: number;
  schema_hint: string;
  artifact_key: string;
  schema_json: string;
}

const registered = ({ seq, schema_hint, artifact_key, schema_json }: SchemaRow): RegisteredArtifact => ({
  seq,
  schemaHint: schema_hint,
  artifactKey: artifact_key,
  columns: JSON.parse(schema_json) as ParquetColumn[],
});

/** Returns the schemas of canonical tables with `after < seq <= upTo`, in order. */
export async function schemasBetween(queries: Queries, after: number, upTo: number): Promise<RegisteredArtifact[]> {
  return (await queries.query<SchemaRow>(schemasQuery, [after, upTo])).map(registered);
}

/** Returns the time of each job that brought a schema (milliseconds), by its seq. */
export async function timesOfSchemas(queries: Queries): Promise<Map<number, number>> {
  const times = await queries.query<{ seq: number; at: number }>(
    `SELECT DISTINCT seq, CAST(extract(epoch FROM committed_at) * 1000 AS bigint) AS at
     FROM bus.schemas JOIN bus.journal USING (seq, ordinal)`,
  );
  return new Map(times.map(({ seq, at }) => [seq, at]));
}

/**
 * Finds the outcome of a commit whose answer was lost. PostgreSQL grants the lock on `bus.head`
 * only after the lost transaction has ended.
 *
 * @returns its seqs, or undefined if nothing was committed.
 */
export async function resolveCommit(
  postgres: Postgres,
  claims: readonly string[],
): Promise<{ firstSeq: number; lastSeq: number } | undefined> {
  return postgres.transaction(
    async queries => {
      const [row] = await queries.query<{ first: number | null; last: number | null }>(
        'SELECT min(seq) AS first, max(seq) AS last FROM bus.jobs WHERE claim = ANY($1)',
        [claims],
      );
      return row?.first == null ? undefined : { firstSeq: row.first, lastSeq: row.last as number };
    },
    [lockHead],
  );
}

/** The columns whose text may be long. */
export const longTexts = [
  'inputs',
  'job_meta_json',
  'provenance_json',
  'meta_json',
  'schema_json',
  'reject_details',
  'op_json',
] as const;
/** The text of the rows that are read at once (bytes). */
const textAtOnce = 64 * 1024 * 1024;
const textBytes = longTexts.map(column => `coalesce(octet_length(${column}), 0)`).join(' + ');

/**
 * Returns the last seq up to which the rows of jobs can be read at once: a small manifest can
 * become much text.
 *
 * @returns at least `after + 1`, and at most `upTo`.
 */
export async function readableUpTo(queries: Queries, after: number, upTo: number): Promise<number> {
  const [row] = await queries.query<{ last: number | null }>(
    `SELECT max(seq) AS last FROM (
       SELECT seq, sum(sum(${textBytes})) OVER (ORDER BY seq) AS total FROM bus.journal
       WHERE seq > $1 AND seq <= $2 GROUP BY seq) AS sums WHERE total <= $3`,
    [after, upTo, textAtOnce],
  );
  return Math.min(upTo, Math.max(after + 1, row?.last ?? 0));
}

/** Returns the rows of jobs from one seq to another, in order. */
export async function rowsBetween(queries: Queries, first: number, last: number): Promise<JournalRow[]> {
  return (
    await queries.query('SELECT * FROM bus.journal WHERE seq BETWEEN $1 AND $2 ORDER BY seq, ordinal', [first, last])
  ).map(rowFrom);
}

/** Returns the rows of these jobs, in order. */
export async function rowsOf(queries: Queries, seqs: readonly number[]): Promise<JournalRow[]> {
  return (await queries.query('SELECT * FROM bus.journal WHERE seq = ANY($1) ORDER BY seq, ordinal', [seqs])).map(
    rowFrom,
  );
}

/** Returns the rows of all jobs with these ids, in order. */
export async function rowsOfJobs(queries: Queries, jobIds: readonly string[]): Promise<JournalRow[]> {
  const jobs = await queries.query<{ seq: number }>('SELECT seq FROM bus.jobs WHERE job_id = ANY($1)', [jobIds]);
  return rowsOf(
    queries,
    jobs.map(({ seq }) => seq),
  );
}

export { CommitUnknown };
