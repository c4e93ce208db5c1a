import type { Operation } from '@quantbot/infra';
import type { Queries } from './postgres/postgres.js';

/** What is known of a golden export. */
export interface KnownExport {
  name: string;
  /** It has every row up to this job. */
  seq: number;
  /** A hash of what it was written by. */
  definition: string;
  rows: number;
  bytes: number;
  /** As PostgreSQL says it. */
  finishedAt: string;
  /** Up to this job the last attempt went, when it began, and how long it took. */
  triedSeq: number;
  triedAt: string | null;
  durationMs: number | null;
  /** Why the last attempt failed; null if it did not. */
  error: string | null;
}

/** All golden exports that were ever written or tried. */
export const knownExports = (queries: Queries): Promise<KnownExport[]> =>
  queries.query<KnownExport & Record<string, unknown>>(
    `SELECT name, seq, definition, rows, bytes, finished_at AS "finishedAt", tried_seq AS "triedSeq", tried_at AS "triedAt",
       duration_ms AS "durationMs", error FROM bus.exports ORDER BY name`,
  );

/** An attempt at an export, up to a job. */
export interface ExportAttempt {
  name: string;
  seq: number;
  durationMs: number;
}

const attempt = `tried_seq = $2, tried_at = now() - $3 * interval '1 millisecond', duration_ms = $3`;

/** Notes that an export is written. */
export async function noteExport(
  queries: Queries,
  {
    name,
    seq,
    durationMs,
    definition,
    rows,
    bytes,
  }: ExportAttempt & Pick<KnownExport, 'definition' | 'rows' | 'bytes'>,
): Promise<void> {
  await queries.query(
    `INSERT INTO bus.exports (name, seq, definition, rows, bytes, finished_at) VALUES ($1, 0, '', 0, 0, now())
     ON CONFLICT DO NOTHING`,
    [name],
  );
  await queries.query(
    `UPDATE bus.exports SET seq = $2, definition = $4, rows = $5, bytes = $6, finished_at = now(), error = NULL, ${attempt}
     WHERE name = $1`,
    [name, seq, durationMs, definition, rows, bytes],
  );
}

/** Notes that an attempt failed. The last good file stays. */
export async function noteFailedExport(
  queries: Queries,
  { name, seq, durationMs, error }: ExportAttempt & { error: string },
): Promise<void> {
  await queries.query(
    `INSERT INTO bus.exports (name, seq, definition, rows, bytes, finished_at) VALUES ($1, 0, '', 0, 0, now())
     ON CONFLICT DO NOTHING`,
    [name],
  );
  await queries.query(`UPDATE bus.exports SET error = $4, ${attempt} WHERE name = $1`, [name, seq, durationMs, error]);
}

/** The last published job that changed each canonical table. */
export async function changedTables(queries: Queries, publishedSeq: number): Promise<Map<string, number>> {
  const rows = await queries.query<{ name: string; seq: number }>(
    'SELECT table_name AS name, max(last_seq) AS seq FROM bus.fragments WHERE last_seq <= $1 GROUP BY table_name',
    [publishedSeq],
  );
  return new Map(rows.map(({ name, seq }) => [name, seq]));
}

/** What an operator asks of the exports. */
export interface ExportRequest {
  seq: number;
  /** None means all. */
  names: readonly string[];
  /** Also those that are up to date. */
  force: boolean;
}

/** What operators have asked for with `after < seq <= upTo`. */
export async function exportRequests(queries: Queries, after: number, upTo: number): Promise<ExportRequest[]> {
  const rows = await queries.query<{ seq: number; op_json: string }>(
    `SELECT seq, op_json FROM bus.journal WHERE op_json IS NOT NULL AND status = 'done' AND seq > $1 AND seq <= $2`,
    [after, upTo],
  );
  return rows.flatMap(({ seq, op_json }) => {
    const op = JSON.parse(op_json) as Operation;
    return op.type === 'export' ? [{ seq, names: op.names, force: op.force }] : [];
  });
}
