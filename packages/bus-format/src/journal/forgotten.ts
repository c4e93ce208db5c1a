import { literal } from '../sql.js';
import type { Gone, KnownArtifact } from './known-keys.js';
import type { TableNames } from './table-names.js';
import { droppedQuery, isTableOperation } from './table-operations.js';

/** Rows that forget an artifact or bring it back. The newest one of a key counts. */
const turns = `('forgotten', 'erased', 'restored')`;

/** The statuses of the rows that decide about a key. */
export const keyStatuses = `('ingested', 'forgotten', 'erased', 'restored')`;

/**
 * Returns the SELECT of `_bus.forgotten`: each artifact that is forgotten now, with the job that
 * did it. A row counts unless a later one restores the artifact, or erases what was only forgotten.
 * The run is part of each join, although the key has it: DuckDB then applies a filter of a run to
 * both sides.
 */
export const forgottenQuery = (journal: string): string =>
  `SELECT f.artifact_key, f.seq, f.committed_at AS forgotten_at, f.status, f.rel_path, f.bytes, f.schema_hint, f.run_id FROM ${journal} f
LEFT JOIN (SELECT artifact_key, run_id, max(seq) AS seq FROM ${journal} WHERE status IN ('restored', 'erased') GROUP BY ALL) r USING (artifact_key, run_id)
WHERE f.status IN ('forgotten', 'erased') AND (r.seq IS NULL OR f.seq >= r.seq)`;

/**
 * Returns the SELECT of the artifacts whose rows had left their tables by a job, and were brought
 * back since.
 */
export const backSinceQuery = (journal: string, seq: number): string =>
  `SELECT artifact_key FROM ${journal} WHERE status IN ${turns}
AND artifact_key IN (SELECT artifact_key FROM ${journal} WHERE status = 'restored' AND seq > ${seq})
GROUP BY artifact_key HAVING arg_max(status, seq) FILTER (seq <= ${seq}) = 'erased'`;

/** Returns the SELECT of the last job that forgot or restored something, or changed a table. */
export const lastTurnQuery = `SELECT coalesce(max(seq), 0) AS seq FROM _bus.journal WHERE status IN ${turns} OR ${isTableOperation}`;

const notErased = `ANTI JOIN (SELECT artifact_key, run_id FROM _bus.forgotten WHERE status = 'erased') USING (artifact_key, run_id)`;

/** The journal without artifacts that are of no table any more, because it was dropped since. */
export const withoutDropped = (names: TableNames): string =>
  `(FROM _bus.journal j ANTI JOIN (${droppedQuery('_bus.journal')}) d ON j.schema_hint LIKE 'canon.%' AND ${names.tableSql('j.schema_hint', 'j.seq')} = d.table_name AND j.seq < d.seq)`;

/** The journal without the artifacts that were erased. */
export const withoutErased = `(FROM _bus.journal ${notErased})`;

/** The journal without artifacts whose rows no table has, for either reason. */
export const shownInTables = (names: TableNames): string => `(FROM ${withoutDropped(names)} ${notErased})`;

/** The journal without the artifacts whose bytes are gone. */
export const withoutForgotten = `(FROM _bus.journal ANTI JOIN (SELECT artifact_key, run_id FROM _bus.forgotten) USING (artifact_key, run_id))`;

/**
 * The condition for rows of one of these artifacts, of which there is at least one. The list is
 * `$1`. A key begins with its run, so DuckDB skips the row groups of other runs.
 */
export function isOneOf(keys: readonly string[]): string {
  const runs = keys.map(key => key.slice(0, key.indexOf('/'))).sort(); // ASCII, as DuckDB sorts
  return `artifact_key IN (SELECT unnest($1)) AND run_id BETWEEN ${literal(runs[0] ?? '')} AND ${literal(runs.at(-1) ?? '')}`;
}

/** A row about a key, in the order of the journal. */
export interface KeyRow {
  artifact_key: string;
  seq: bigint;
  sha256: string;
  rel_path: string;
  schema_hint: string | null;
  status: 'ingested' | 'restored' | Gone;
  quarantined: boolean;
}

/** Returns the state of each key from its rows. */
export function foldKeys(rows: readonly KeyRow[]): Map<string, KnownArtifact> {
  const known = new Map<string, KnownArtifact>();
  for (const { artifact_key: key, seq, sha256, rel_path: relPath, status, ...row } of rows) {
    const there = known.get(key);
    const first = { sha256, relPath, schemaHint: row.schema_hint, isQuarantined: row.quarantined };
    if (status === 'ingested') known.set(key, { seq: Number(seq), ...first });
    else if (there !== undefined) {
      there.gone = status === 'restored' ? undefined : status;
      there.relPath = relPath; // on a cluster, a restored artifact may have another place
    }
  }
  return known;
}
