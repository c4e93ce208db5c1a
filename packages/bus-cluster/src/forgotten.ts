import { tableOperationOf } from '@quantbot/bus-format/canon';
import { isOfTable, type JournalRow } from '@quantbot/bus-format/journal';
import type { Fragment } from './fragment.js';
import type { Queries } from './postgres/postgres.js';
import { rowFrom } from './row-from.js';
import { operatedTables, startsEmpty } from './table-operations.js';

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

/** Adds the fragments that bring rows of restored artifacts back, each with those of one job. */
export async function addRestoringFragments(
  queries: Queries,
  { firstSeq, lastSeq, isPast }: { firstSeq: number; lastSeq: number; isPast: boolean },
): Promise<void> {
  const table = (await operatedTables(queries)).tableSql('j.schema_hint', 'j.seq');
  await queries.query(
    `INSERT INTO bus.fragments (first_seq, last_seq, table_name, restores, committed_at)
     SELECT DISTINCT $1::bigint, $2::bigint, ${table}, j.seq, CASE WHEN $3 THEN to_timestamp(0) ELSE now() END
     ${broughtBack} AND ${table} IS NOT NULL`,
    [firstSeq, lastSeq, isPast],
  );
}

/** Limits of a fragment that brings rows back to a restored or retyped table. */
const maxJobs = 256;
const maxBytes = 256 * 1024 * 1024;

/**
 * Adds the fragments that bring all rows back to a table, if an operation restores it or sets a
 * type. Each has the rows of several jobs.
 */
export async function addTableFragments(
  queries: Queries,
  operation: Pick<JournalRow, 'seq'> & { op_json: string | null },
  isPast: boolean,
): Promise<void> {
  const { type, table, seq, before } = tableOperationOf({ seq: operation.seq, op_json: operation.op_json ?? '{}' });
  if (!startsEmpty(type)) return;
  const after = type === 'table_restore' ? 0 : (before?.after ?? 0);
  const { names } = await operatedTables(queries);
  await queries.query(
    `INSERT INTO bus.fragments (first_seq, last_seq, table_name, restores, restores_to, committed_at)
     SELECT $1::bigint, $1::bigint, $2, min(seq), max(seq), CASE WHEN $3 THEN to_timestamp(0) ELSE now() END
     FROM (SELECT seq, (row_number() OVER jobs - 1) / ${maxJobs} + div(sum(bytes) OVER jobs, ${maxBytes}) AS part
       FROM (SELECT seq, coalesce(sum(bytes), 0) AS bytes FROM bus.journal
         WHERE seq > $4 AND seq < $1 AND ${isOfTable(table, names)} GROUP BY seq) own
       WINDOW jobs AS (ORDER BY seq)) parts
     GROUP BY part`,
    [seq, table, isPast, after],
  );
}

/**
 * Returns the rows of the artifacts that a fragment is made of, in order. Artifacts whose rows have
 * left the table since may be among them.
 */
export async function rowsOfFragment(queries: Queries, fragment: Fragment): Promise<JournalRow[]> {
  const { firstSeq, lastSeq, table, restores, restoresTo } = fragment;
  const { names } = await operatedTables(queries);
  const between = async (first: number, last: number) =>
    (
      await queries.query(
        `SELECT * FROM bus.journal WHERE seq BETWEEN $1 AND $2 AND ${isOfTable(table, names)} ORDER BY seq, ordinal`,
        [first, last],
      )
    ).map(rowFrom);
  if (restores === 0) return between(firstSeq, lastSeq);
  if (restoresTo > 0) {
    const rows = await between(restores, restoresTo);
    // What is restored later comes with a fragment of its own.
    const gone = await forgottenAmong(queries, rows.map(keyOf), lastSeq);
    return rows.filter(row => gone.get(keyOf(row))?.status !== 'erased');
  }
  const rows = await queries.query(
    `SELECT DISTINCT ON (j.seq, j.ordinal) j.* ${broughtBack} AND j.seq = $3 AND ${names.tableSql('j.schema_hint', 'j.seq')} = $4
     ORDER BY j.seq, j.ordinal`,
    [firstSeq, lastSeq, restores, table],
  );
  return rows.map(rowFrom);
}

const keyOf = ({ artifact_key }: JournalRow): string => artifact_key ?? '';

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
 * or changed the table, by first name. A rename changes no table.
 */
export async function turnsOfTables(queries: Queries, upTo: number): Promise<Map<string, number>> {
  const { operations, names } = await operatedTables(queries, upTo);
  // The artifact's own row says of which table it is. Without a rename, its hint does.
  const own = names.areFirst ? 'e' : 'i';
  const itsRow = names.areFirst
    ? ''
    : `JOIN bus.journal i ON i.artifact_key = e.artifact_key AND i.status = 'ingested'`;
  const rows = await queries.query<{ name: string; seq: number }>(
    `SELECT name, max(turn) AS seq FROM (
       SELECT ${names.tableSql(`${own}.schema_hint`, `${own}.seq`)} AS name, e.seq AS turn FROM bus.journal e ${itsRow}
       WHERE e.status = 'erased' AND e.schema_hint LIKE 'canon.%' AND e.seq <= $1
       UNION ALL SELECT table_name, last_seq FROM bus.fragments WHERE restores > 0 AND last_seq <= $1) turns GROUP BY name`,
    [upTo],
  );
  const turns = new Map(rows.map(({ name, seq }) => [name, seq]));
  for (const { table, type, seq } of operations)
    if (type !== 'table_rename') turns.set(table, Math.max(turns.get(table) ?? 0, seq));
  return turns;
}

/**
 * Returns the forgotten artifacts whose rows are still in a canonical table.
 *
 * @param table by first name.
 */
export async function keysWithRowsOnly(queries: Queries, table: string): Promise<string[]> {
  const { names } = await operatedTables(queries);
  const rows = await queries.query<{ key: string }>(
    `SELECT f.artifact_key AS key FROM bus.forgotten f
     JOIN bus.journal i ON i.artifact_key = f.artifact_key AND i.status = 'ingested'
     WHERE f.status = 'forgotten' AND i.schema_hint LIKE 'canon.%' AND ${names.tableSql('i.schema_hint', 'i.seq')} = $1`,
    [table],
  );
  return rows.map(({ key }) => key);
}
