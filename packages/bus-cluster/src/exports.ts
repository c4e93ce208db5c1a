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
  /** Why the last attempt failed; null if it did not. */
  error: string | null;
}

/** All golden exports that were ever written or tried. */
export const knownExports = (queries: Queries): Promise<KnownExport[]> =>
  queries.query<KnownExport & Record<string, unknown>>(
    'SELECT name, seq, definition, rows, bytes, finished_at AS "finishedAt", error FROM bus.exports ORDER BY name',
  );

/** Notes that an export is written. */
export async function noteExport(
  queries: Queries,
  { name, seq, definition, rows, bytes }: Pick<KnownExport, 'name' | 'seq' | 'definition' | 'rows' | 'bytes'>,
): Promise<void> {
  await queries.query(
    `INSERT INTO bus.exports (name, seq, definition, rows, bytes, finished_at) VALUES ($1, $2, $3, $4, $5, now())
     ON CONFLICT (name) DO UPDATE SET seq = $2, definition = $3, rows = $4, bytes = $5, finished_at = now(), error = NULL`,
    [name, seq, definition, rows, bytes],
  );
}

/** Notes that an attempt failed. The last good file stays. */
export async function noteFailedExport(queries: Queries, name: string, error: string): Promise<void> {
  await queries.query(
    `INSERT INTO bus.exports (name, seq, definition, rows, bytes, finished_at, error) VALUES ($1, 0, '', 0, 0, now(), $2)
     ON CONFLICT (name) DO UPDATE SET error = $2`,
    [name, error],
  );
}

/** The last published job that changed each canonical table. */
export async function changedTables(queries: Queries, publishedSeq: number): Promise<Map<string, number>> {
  const rows = await queries.query<{ name: string; seq: number }>(
    'SELECT table_name AS name, max(last_seq) AS seq FROM bus.fragments WHERE last_seq <= $1 GROUP BY table_name',
    [publishedSeq],
  );
  return new Map(rows.map(({ name, seq }) => [name, seq]));
}
