import type { Operation } from '@quantbot/infra';
import { turnsOfTables } from './forgotten.js';
import type { Queries } from './postgres/postgres.js';
import { operatedTables } from './table-operations.js';

/** The state of a golden export. */
export interface KnownExport {
  name: string;
  /** The export has every row up to this job. */
  seq: number;
  /** A hash of the SQL and the settings that it was written with. */
  definition: string;
  rows: number;
  bytes: number;
  /** SHA-256 of a file; null for a dataset. */
  sha256: string | null;
  /** 1, or the files of a dataset. */
  files: number;
  /** The key of a dataset's folder; null for a file. */
  folder: string | null;
  /** Whether an attempt may be changing the objects of a dataset. */
  isOpen: boolean;
  /** The canonical tables that its SELECT reads; null if any job may change its result. */
  reads: string[] | null;
  /** A time as PostgreSQL prints it. */
  finishedAt: string;
  /** The last job of the last attempt, its start, and its duration. */
  triedSeq: number;
  triedAt: string | null;
  durationMs: number | null;
  /** The error of the last attempt; null if it succeeded. */
  error: string | null;
}

/** Returns all golden exports that were ever written or tried. */
export const knownExports = (queries: Queries): Promise<KnownExport[]> =>
  queries.query<KnownExport & Record<string, unknown>>(
    `SELECT name, seq, definition, rows, bytes, sha256, files, dataset::json->>'folder' AS folder,
       writing IS NOT NULL AS "isOpen", reads, finished_at AS "finishedAt",
       tried_seq AS "triedSeq", tried_at AS "triedAt", duration_ms AS "durationMs", error FROM bus.exports ORDER BY name`,
  );

/** An object of a golden export, as it was written. */
export interface ExportObject {
  name: string;
  /** The export has every row up to this job. */
  seq: number;
  key: string;
  bytes: number;
  sha256: string;
}

/** Returns the objects of all golden exports, without those of a dataset that is being written. */
export const exportObjects = (queries: Queries): Promise<ExportObject[]> =>
  queries.query<ExportObject & Record<string, unknown>>(
    `SELECT name, seq, 'exports/' || name || '.parquet' AS key, bytes, sha256 FROM bus.exports WHERE sha256 IS NOT NULL
     UNION ALL
     SELECT name, seq, concat(dataset::json->>'folder', '/', file->>'path'), CAST(file->>'bytes' AS bigint), file->>'sha256'
     FROM bus.exports, json_array_elements(dataset::json->'files') file WHERE writing IS NULL
     ORDER BY key`,
  );

/** An attempt at an export, up to a job. */
export interface ExportAttempt {
  name: string;
  seq: number;
  durationMs: number;
}

/** The result of a successful attempt. */
export interface WrittenExport extends ExportAttempt, Pick<KnownExport, 'definition' | 'rows' | 'bytes' | 'reads'> {
  sha256: string | null;
  files: number;
}

const attempt = `tried_seq = $2, tried_at = now() - $3 * interval '1 millisecond', duration_ms = $3`;
const result = `seq = $2, definition = $4, rows = $5, bytes = $6, sha256 = $7, files = $8, reads = $9, finished_at = now(), error = NULL`;

const valuesOf = ({ name, seq, durationMs, definition, rows, bytes, sha256, files, reads }: WrittenExport) => [
  name,
  seq,
  durationMs,
  definition,
  rows,
  bytes,
  sha256,
  files,
  reads,
];

const addExport = (queries: Queries, name: string) =>
  queries.query(
    `INSERT INTO bus.exports (name, seq, definition, rows, bytes, finished_at) VALUES ($1, 0, '', 0, 0, now())
     ON CONFLICT DO NOTHING`,
    [name],
  );

/** Notes that the file of an export is written. */
export async function noteExport(queries: Queries, written: WrittenExport): Promise<void> {
  await addExport(queries, written.name);
  await queries.query(
    `UPDATE bus.exports SET ${result}, dataset = NULL, writing = NULL, ${attempt} WHERE name = $1`,
    valuesOf(written),
  );
}

/** The dataset of an export, and the attempt that may be changing its objects. */
export interface KnownDataset {
  seq: number;
  definition: string;
  /** JSON; its member `folder` is the key of the folder. */
  dataset: string | null;
  /** Set while an attempt changes objects, and for good if that attempt did not end. */
  writing: string | null;
}

/** Returns the dataset of an export as it was noted last. */
export async function knownDataset(queries: Queries, name: string): Promise<KnownDataset> {
  await addExport(queries, name);
  const [row] = await queries.query<KnownDataset & Record<string, unknown>>(
    'SELECT seq, definition, dataset, writing FROM bus.exports WHERE name = $1',
    [name],
  );
  return row as KnownDataset & Record<string, unknown>;
}

/**
 * Begins to change the objects of a dataset. Only one attempt can begin from a known state. An
 * attempt that finds another one unfinished must write into a new folder, because the other one may
 * still be writing into its own.
 *
 * @param token names the attempt.
 * @returns false if another daemon was faster.
 */
export async function beginDataset(
  queries: Queries,
  name: string,
  token: string,
  { seq, dataset, writing }: KnownDataset,
): Promise<boolean> {
  const begun = await queries.query(
    `UPDATE bus.exports SET writing = $2 WHERE name = $1 AND seq = $3
       AND dataset IS NOT DISTINCT FROM $4 AND writing IS NOT DISTINCT FROM $5 RETURNING true`,
    [name, token, seq, dataset, writing],
  );
  return begun.length > 0;
}

/**
 * Notes that a dataset is written.
 *
 * @returns false if another daemon has begun meanwhile: then this attempt does not count.
 */
export async function noteDataset(
  queries: Queries,
  written: WrittenExport,
  { token, dataset }: { token: string; dataset: string },
): Promise<boolean> {
  const noted = await queries.query(
    `UPDATE bus.exports SET ${result}, dataset = $10, writing = NULL, ${attempt} WHERE name = $1 AND writing = $11 RETURNING true`,
    [...valuesOf(written), dataset, token],
  );
  return noted.length > 0;
}

/** Notes that an attempt failed. The last good file stays. */
export async function noteFailedExport(
  queries: Queries,
  { name, seq, durationMs, error }: ExportAttempt & { error: string },
): Promise<void> {
  await addExport(queries, name);
  await queries.query(`UPDATE bus.exports SET error = $4, ${attempt} WHERE name = $1`, [name, seq, durationMs, error]);
}

/** A name that a canonical table has, or had until an operation. */
export interface ChangedName {
  /** The table that has it, by first name; undefined if none has it any more. */
  table: string | undefined;
  /** The last published job that changed what readers find under it. */
  seq: number;
}

/** Returns each name under which readers find or have found a canonical table. */
export async function changedTables(queries: Queries, publishedSeq: number): Promise<Map<string, ChangedName>> {
  const { operations, starts, names } = await operatedTables(queries, publishedSeq);
  const rows = await queries.query<{ table: string; seq: number }>(
    'SELECT table_name AS table, max(last_seq) AS seq FROM bus.fragments WHERE last_seq <= $1 GROUP BY table_name',
    [publishedSeq],
  );
  const filled = new Map(rows.map(({ table, seq }) => [table, seq]));
  const turns = await turnsOfTables(queries, publishedSeq);
  const changed = new Map<string, ChangedName>();
  for (const table of new Set([...filled.keys(), ...turns.keys()])) {
    const seq = Math.max(filled.get(table) ?? 0, turns.get(table) ?? 0);
    const isThere = (filled.get(table) ?? 0) > (starts.get(table)?.after ?? 0);
    const name = names.nameOf(table);
    changed.set(name, { table: isThere ? table : undefined, seq: Math.max(seq, names.givenAt(name)) });
  }
  for (const { seq, table, type } of operations)
    if (type === 'table_rename') {
      const lost = names.before(seq).nameOf(table);
      if (!changed.has(lost)) changed.set(lost, { table: undefined, seq });
    }
  return changed;
}

/** Forgets the state of an export whose table is gone. */
export async function removeExport(queries: Queries, name: string): Promise<void> {
  await queries.query('DELETE FROM bus.exports WHERE name = $1', [name]);
}

/** A request of an operator to write exports. */
export interface ExportRequest {
  seq: number;
  /** Names of exports; none means all. */
  names: readonly string[];
  /** Whether to write exports that are up to date, too. */
  force: boolean;
}

/** Returns the requests of operators with `after < seq <= upTo`. */
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
