import { type JournalRow, journalColumnKinds } from '@quantbot/bus-format/journal';
import { asText, columnTexts, unnested } from './column-texts.js';
import { addRestoringFragments, addTableFragments } from './forgotten.js';
import type { Queries } from './postgres/postgres.js';
import { changesTable } from './table-operations.js';

/** The channel that announces commits, fragments and publications. */
export const channel = 'quantbot_bus';

/**
 * Writes the rows of new jobs, in a transaction that has locked `bus.head`. It is one statement,
 * because each answer of the server is waited for under the lock.
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
  const schemas = positions(rows.map(({ schema_json }) => schema_json));
  const { texts, end, none } = columnTexts([
    ...journalColumnKinds.map(([name, kind]) => rows.map(row => sentValue(row, name, kind, schemas))),
    rows.map(({ claim }) => retryOf.get(claim) ?? 0),
  ]);
  const operation = rows.find(changesTable);
  const turn = operation?.seq ?? null;
  const values = [end, none, [...schemas.keys()].map(textOrNull), tables, firstSeq, lastSeq, isPast, turn];
  await queries.query(insert, [...values, ...texts], 'write-jobs');
  if (rows.some(({ status }) => status === 'restored'))
    await addRestoringFragments(queries, { firstSeq: firstSeq ?? 0, lastSeq: lastSeq ?? 0, isPast });
  if (operation !== undefined) await addTableFragments(queries, operation, isPast);
}

/** Positions from 1. Rows of a batch share their schemas, which may be long: they are sent once. */
function positions(schemas: readonly (string | null)[]): Map<string | null, number> {
  return new Map([...new Set(schemas)].map((schema, index) => [schema, index + 1]));
}

function sentValue(
  row: JournalRow,
  name: keyof JournalRow,
  kind: keyof typeof pgTypes,
  schemas: ReadonlyMap<string | null, number>,
): string | number | null {
  if (name === 'schema_json') return schemas.get(row.schema_json) ?? null;
  const value = row[name];
  return kind === 'timestamp' && value !== null ? new Date(value).toISOString().slice(0, -1) : value;
}

const textOrNull = (text: string | null): string | null => (text === null ? null : asText(text));

const pgTypes = { int64: 'bigint', string: 'text', timestamp: 'timestamp' };
const names = journalColumnKinds.map(([name]) => name).join(', ');
const values = journalColumnKinds
  .map(([name]) => (name === 'schema_json' ? '($3::text[])[schema_at] AS schema_json' : name))
  .join(', ');
/** The columns as they are sent, after the first eight values. */
const sent = [
  ...journalColumnKinds.map(([name, kind]) =>
    name === 'schema_json' ? { name: 'schema_at', type: 'int' } : { name, type: pgTypes[kind] },
  ),
  { name: 'retry_of', type: 'bigint' },
].map((column, index) => ({ ...column, text: `$${index + 9}` }));

/**
 * Each schema of a canonical hint is recorded with the first row that has it, once after each
 * operation on a table.
 */
const insert = `
  WITH given AS MATERIALIZED (
    SELECT ${values}, retry_of FROM ${unnested(sent, { end: '$1', none: '$2' })}
      AS given (${sent.map(({ name }) => name).join(', ')}) WHERE seq IS NOT NULL
  ), new_jobs AS (
    INSERT INTO bus.jobs (seq, job_id, manifest_sha256, claim, retry_of, settled)
    SELECT seq, job_id, coalesce(manifest_sha256, ''), claim, retry_of, $7::boolean FROM given WHERE ordinal = 0
  ), new_rows AS (
    INSERT INTO bus.journal (${names}) SELECT ${names} FROM given
  ), new_schemas AS (
    INSERT INTO bus.schemas (seq, ordinal, schema_hint, artifact_key, schema_json, turn)
    SELECT DISTINCT ON (schema_hint, schema_json) seq, ordinal, schema_hint, artifact_key, schema_json, (SELECT turn FROM bus.head)
    FROM given WHERE status = 'ingested' AND starts_with(schema_hint, 'canon.')
    ORDER BY schema_hint, schema_json, seq, ordinal
    ON CONFLICT DO NOTHING
  ), new_fragments AS (
    INSERT INTO bus.fragments (first_seq, last_seq, table_name, committed_at)
    SELECT $5::bigint, $6::bigint, unnest($4::text[]), CASE WHEN $7::boolean THEN to_timestamp(0) ELSE now() END
  ), new_head AS (
    UPDATE bus.head SET seq = $6::bigint, turn = coalesce($8::bigint, turn)
  )
  SELECT pg_notify('${channel}', 'commit')`;
