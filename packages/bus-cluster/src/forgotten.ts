import type { JournalRow } from '@quantbot/bus-format/journal';
import type { Fragment } from './fragment.js';
import type { Queries } from './postgres/postgres.js';
import { rowFrom } from './row-from.js';
import { tableOperationsBetween } from './table-operations.js';

/** An artifact that was forgotten, and whose bytes may still be there. */
export interface ForgottenArtifact {
  key: string;
  /** The job that forgot it. */
  seq: number;
  status: 'forgotten' | 'erased';
  relPath: string;
}

/** The last row that forgot an artifact or restored it. It names the artifact's present object. */
export interface Turn extends Omit<ForgottenArtifact, 'status'> {
  status: ForgottenArtifact['status'] | 'restored';
}

/** The status of a key's last turn before a row `r` that restores it. */
const turnBefore = `(SELECT t.status FROM bus.journal t WHERE t.artifact_key = r.artifact_key
  AND t.status IN ('forgotten', 'erased', 'restored') AND t.seq < r.seq ORDER BY t.seq DESC LIMIT 1)`;

/** Own rows `j` of artifacts whose rows jobs from $1 to $2 bring back to a canonical table. */
const broughtBack = `FROM bus.journal r JOIN bus.journal j ON j.artifact_key = r.artifact_key AND j.status = 'ingested'
  WHERE r.seq BETWEEN $1 AND $2 AND r.status = 'restored' AND j.schema_hint LIKE 'canon.%' AND ${turnBefore} = 'erased'`;

/** Adds the fragments that bring rows back, each with those of one job. */
export async function addRestoringFragments(
  queries: Queries,
  { firstSeq, lastSeq, isPast }: { firstSeq: number; lastSeq: number; isPast: boolean },
): Promise<void> {
  await queries.query(
    `INSERT INTO bus.fragments (first_seq, last_seq, table_name, restores, committed_at)
     SELECT DISTINCT $1::bigint, $2::bigint, lower(substr(j.schema_hint, 7)), j.seq, CASE WHEN $3 THEN to_timestamp(0) ELSE now() END
     ${broughtBack}`,
    [firstSeq, lastSeq, isPast],
  );
}

/** Returns the rows of the artifacts that a fragment is made of, in order. */
export async function rowsOfFragment(queries: Queries, fragment: Fragment): Promise<JournalRow[]> {
  const { firstSeq, lastSeq, table, restores } = fragment;
  const hint = `canon.${table}`;
  const rows =
    restores === 0
      ? await queries.query(
          `SELECT * FROM bus.journal WHERE seq BETWEEN $1 AND $2 AND status = 'ingested' AND lower(schema_hint) = $3
           ORDER BY seq, ordinal`,
          [firstSeq, lastSeq, hint],
        )
      : await queries.query(
          `SELECT DISTINCT ON (j.seq, j.ordinal) j.* ${broughtBack} AND j.seq = $3 AND lower(j.schema_hint) = $4
           ORDER BY j.seq, j.ordinal`,
          [firstSeq, lastSeq, restores, hint],
        );
  return rows.map(rowFrom);
}

/**
 * Returns the last turn of each of these artifacts that was ever forgotten.
 *
 * @param upTo or after this job.
 */
export async function turnsAmong(
  queries: Queries,
  keys: readonly string[],
  upTo = Number.MAX_SAFE_INTEGER,
): Promise<Map<string, Turn>> {
  const rows = await queries.query<Turn & Record<string, unknown>>(
    `SELECT DISTINCT ON (artifact_key) artifact_key AS key, seq, status, rel_path AS "relPath" FROM bus.journal
     WHERE status IN ('forgotten', 'erased', 'restored') AND artifact_key = ANY($1) AND seq <= $2
     ORDER BY artifact_key, seq DESC`,
    [keys, upTo],
  );
  return new Map(rows.map(row => [row.key, row]));
}

/**
 * Returns those of these artifacts that are forgotten now.
 *
 * @param upTo or after this job.
 */
export async function forgottenAmong(
  queries: Queries,
  keys: readonly string[],
  upTo?: number,
): Promise<Map<string, ForgottenArtifact>> {
  const turns = [...(await turnsAmong(queries, keys, upTo)).values()];
  return new Map(turns.flatMap(turn => (isForgotten(turn) ? [[turn.key, turn] as const] : [])));
}

const isForgotten = (turn: Turn): turn is Turn & ForgottenArtifact => turn.status !== 'restored';

/**
 * Returns the last job up to a seq that took rows out of each canonical table, brought some back,
 * or set its mode.
 */
export async function turnsOfTables(queries: Queries, upTo: number): Promise<Map<string, number>> {
  const rows = await queries.query<{ name: string; seq: number }>(
    `SELECT name, max(seq) AS seq FROM (
       SELECT lower(substr(schema_hint, 7)) AS name, seq FROM bus.journal
       WHERE status = 'erased' AND schema_hint LIKE 'canon.%' AND seq <= $1
       UNION ALL SELECT table_name, last_seq FROM bus.fragments WHERE restores > 0 AND last_seq <= $1) turns GROUP BY name`,
    [upTo],
  );
  const turns = new Map(rows.map(({ name, seq }) => [name, seq]));
  for (const { table, seq } of await tableOperationsBetween(queries, 0, upTo))
    turns.set(table, Math.max(turns.get(table) ?? 0, seq));
  return turns;
}

/** Returns the forgotten artifacts whose rows are still in a canonical table. */
export async function keysWithRowsOnly(queries: Queries, table: string): Promise<string[]> {
  const rows = await queries.query<{ key: string }>(
    `SELECT artifact_key AS key FROM bus.forgotten WHERE status = 'forgotten' AND lower(schema_hint) = $1`,
    [`canon.${table}`],
  );
  return rows.map(({ key }) => key);
}
