import { type JournalRow, journalColumnKinds } from '@quantbot/bus-format/journal';
import { addRestoringFragments } from './forgotten.js';
import type { Queries } from './postgres/postgres.js';

/** The channel that announces commits, fragments and publications. */
export const channel = 'quantbot_bus';

/**
 * Writes the rows of new jobs, in a transaction that has locked `bus.head`. It is one statement,
 * because each answer of the server is waited for under the lock, and its rows are JSON, because
 * the client takes ten times as long to write arrays.
 *
 * @param options.tables canonical tables that get rows.
 * @param options.retryOf what a job retries, by its claim.
 * @param options.isPast the jobs were settled elsewhere.
 */
export async function writeJobs(
  queries: Queries,
  rows: readonly JournalRow[],
  {
    tables,
    retryOf,
    isPast = false,
  }: { tables: readonly string[]; retryOf: ReadonlyMap<string, number>; isPast?: boolean },
): Promise<void> {
  const [firstSeq, lastSeq] = [rows[0]?.seq, rows.at(-1)?.seq];
  // Positions from 1, as those of PostgreSQL's arrays.
  const schemas = new Map<string | null, number>();
  for (const { schema_json } of rows) if (!schemas.has(schema_json)) schemas.set(schema_json, schemas.size + 1);
  const json = jsonOf(rows, { retryOf, schemas });
  await queries.query(insert, [json, [...schemas.keys()].map(asText), tables, firstSeq, lastSeq, isPast]);
  if (rows.some(({ status }) => status === 'restored'))
    await addRestoringFragments(queries, { firstSeq: firstSeq ?? 0, lastSeq: lastSeq ?? 0, isPast });
}

const pgTypes = { int64: 'bigint', string: 'text', timestamp: 'timestamp' };
const names = journalColumnKinds.map(([name]) => name).join(', ');
/** Rows of a batch share their schemas, which may be long: they are sent once. */
const values = journalColumnKinds
  .map(([name]) => (name === 'schema_json' ? '($2::text[])[schema_at] AS schema_json' : name))
  .join(', ');

/** Each schema of a canonical hint is recorded with the first row that has it. */
const insert = `
  WITH given AS MATERIALIZED (
    SELECT ${values}, retry_of FROM json_to_recordset($1) AS given
      (${journalColumnKinds.map(([name, kind]) => `${name} ${pgTypes[kind]}`).join(', ')}, schema_at int, retry_of bigint)
  ), new_jobs AS (
    INSERT INTO bus.jobs (seq, job_id, manifest_sha256, claim, retry_of, settled)
    SELECT seq, job_id, coalesce(manifest_sha256, ''), claim, retry_of, $6::boolean FROM given WHERE ordinal = 0
  ), new_rows AS (
    INSERT INTO bus.journal (${names}) SELECT ${names} FROM given
  ), new_schemas AS (
    INSERT INTO bus.schemas (seq, ordinal, schema_hint, artifact_key, schema_json)
    SELECT DISTINCT ON (schema_hint, schema_json) seq, ordinal, schema_hint, artifact_key, schema_json
    FROM given WHERE status = 'ingested' AND starts_with(schema_hint, 'canon.')
    ORDER BY schema_hint, schema_json, seq, ordinal
    ON CONFLICT DO NOTHING
  ), new_fragments AS (
    INSERT INTO bus.fragments (first_seq, last_seq, table_name, committed_at)
    SELECT $4::bigint, $5::bigint, unnest($3::text[]), CASE WHEN $6::boolean THEN to_timestamp(0) ELSE now() END
  ), new_head AS (
    UPDATE bus.head SET seq = $5::bigint
  )
  SELECT pg_notify('${channel}', 'commit')`;

/** The rows as JSON, without what PostgreSQL cannot hold: NUL and halves of surrogate pairs. */
function jsonOf(
  rows: readonly JournalRow[],
  { retryOf, schemas }: { retryOf: ReadonlyMap<string, number>; schemas: ReadonlyMap<string | null, number> },
): string {
  const given = rows.map(row => ({
    ...withoutNulls({ ...row, schema_json: null }),
    schema_at: schemas.get(row.schema_json) ?? null,
    retry_of: retryOf.get(row.claim) ?? 0,
  }));
  const json = JSON.stringify(given);
  // JSON writes both as escapes. Look at the whole text first: they are rare, and values are many.
  return /\\u0000|\\ud[89a-f]/.test(json) ? JSON.stringify(given, (_name, value) => asText(value)) : json;
}

function withoutNulls(row: JournalRow): Record<string, string | number> {
  const given: Record<string, string | number> = {};
  for (const [name, kind] of journalColumnKinds) {
    const value = row[name];
    if (value !== null) given[name] = kind === 'timestamp' ? new Date(value).toISOString().slice(0, -1) : value;
  }
  return given;
}

const asText = <Value>(value: Value): Value | string =>
  typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value;
