import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { isTableFile, type Segment, seqName } from '../journal/files.js';
import { isOneOf } from '../journal/forgotten.js';
import type { Journal } from '../journal/journal.js';
import { isOfTable, type JournalRow } from '../journal/row.js';
import { literal } from '../sql.js';
import type { FileColumn } from './exact.js';
import type { FirstOfSchema, Retype } from './history.js';
import { retypesAmong } from './table-starts.js';

/** Returns the number of rows of each canonical table up to a seq, by table name. */
export async function canonicalRows(journal: Journal, upTo: number): Promise<Map<string, number>> {
  const rows = await journal.query<{ table_name: string; n: bigint }>(
    `SELECT ${journal.names.tableSql()} AS table_name, CAST(sum(rows) AS BIGINT) AS n FROM ${journal.shown}
     WHERE status = 'ingested' AND schema_hint LIKE 'canon.%' AND seq <= ${upTo} GROUP BY table_name`,
  );
  return new Map(rows.map(({ table_name, n }) => [table_name, Number(n)]));
}

/** Returns the seq of a canonical table's newest job up to a seq, or 0 without a job. */
export async function newestSeqOf(journal: Journal, table: string, upTo: number): Promise<number> {
  const [row] = await journal.query<{ newest: bigint | null }>(
    `SELECT max(seq) AS newest FROM ${journal.shown} WHERE ${isOfTable(table, journal.names)} AND seq <= ${upTo}`,
  );
  return Number(row?.newest ?? 0);
}

/** Returns whether the segments hold each job of a canonical table up to a seq. */
export async function areWithin(
  journal: Journal,
  table: string,
  segments: readonly Segment[],
  upTo: number,
): Promise<boolean> {
  const within = segments.map(({ first, last }) => `seq BETWEEN ${first} AND ${last}`);
  const [row] = await journal.query<{ n: bigint }>(
    `SELECT count(*) AS n FROM ${journal.shown} WHERE ${isOfTable(table, journal.names)} AND seq <= ${upTo} AND NOT (${['false', ...within].join(' OR ')})`,
  );
  return Number(row?.n) === 0;
}

/** Returns the artifacts whose rows a canonical table has up to a seq, in order. */
export async function artifactsOfTable(
  journal: Journal,
  table: string,
  upTo: number,
  from = journal.shown,
): Promise<JournalRow[]> {
  return journal.rows(`WHERE ${isOfTable(table, journal.names)} AND seq <= ${upTo}`, undefined, from);
}

/** Returns keys of forgotten artifacts whose rows stay in a canonical table. */
export async function forgottenOfTable(journal: Journal, table: string): Promise<Set<string>> {
  if (journal.lastTurn === 0) return new Set();
  const rows = await journal.query<{ key: string }>(
    `SELECT artifact_key AS key FROM ${ofArtifacts(journal, '_bus.forgotten')}
     WHERE status = 'forgotten' AND schema_hint LIKE 'canon.%' AND ${journal.names.tableSql()} = ${literal(table)}`,
  );
  return new Set(rows.map(({ key }) => key));
}

/** Returns the tables that have rows of forgotten artifacts, by first name. */
export async function tablesWithForgotten(journal: Journal): Promise<string[]> {
  const rows = await journal.query<{ table_name: string }>(
    `SELECT DISTINCT ${journal.names.tableSql()} AS table_name FROM ${ofArtifacts(journal, '_bus.forgotten')}
     WHERE status = 'forgotten' AND schema_hint LIKE 'canon.%'`,
  );
  return rows.map(({ table_name }) => table_name);
}

/**
 * Returns the FROM clause of rows that forget or restore artifacts, with hint and seq of the
 * artifacts: these say of which table an artifact is. As long as no table was renamed, the hint
 * alone does.
 */
const ofArtifacts = ({ names }: Journal, rows: string): string =>
  names.areFirst
    ? rows
    : `(SELECT r.status, r.artifact_key, r.seq AS turn, i.seq, i.schema_hint FROM ${rows} r JOIN _bus.journal i ON i.artifact_key = r.artifact_key AND i.status = 'ingested')`;

/** Returns the rows of forgotten artifacts whose rows a canonical table has, but no stored file. */
export async function forgottenRowsOf(journal: Journal, table: string): Promise<JournalRow[]> {
  const keys = [...(await forgottenOfTable(journal, table))];
  if (keys.length === 0) return [];
  return journal.rows(`WHERE ${isOfTable(table, journal.names)} AND ${isOneOf(keys)}`, keys, journal.shown);
}

/**
 * Returns the last job up to a seq that took rows out of each canonical table, brought them back,
 * or dropped or restored the table, by table name.
 */
export async function turnsOfTables(journal: Journal, upTo: number): Promise<Map<string, number>> {
  if (journal.lastTurn === 0) return new Map();
  const turn = journal.names.areFirst ? 'seq' : 'turn';
  const rows = await journal.query<{ table_name: string; turn: bigint }>(
    `SELECT ${journal.names.tableSql()} AS table_name, max(${turn}) AS turn FROM ${ofArtifacts(journal, '_bus.journal')}
     WHERE status IN ('erased', 'restored') AND schema_hint LIKE 'canon.%' AND ${turn} <= ${upTo} GROUP BY table_name`,
  );
  const turns = new Map(rows.map(({ table_name, turn }) => [table_name, Number(turn)]));
  for (const { table, type, seq } of await journal.tableOperations())
    if (seq <= upTo && type !== 'table_rename') turns.set(table, Math.max(turns.get(table) ?? 0, seq));
  return turns;
}

/** Returns the operations that have set types of the tables as they are now, oldest first. */
export async function retypesOf(journal: Journal): Promise<Retype[]> {
  const own = retypesAmong(await journal.tableOperations());
  if (own.length === 0) return [];
  const times = await journal.query<{ seq: bigint; at: bigint }>(
    `SELECT seq, epoch_ms(committed_at) AS at FROM _bus.journal WHERE seq IN (${own.map(({ seq }) => seq).join(', ')})`,
  );
  const at = new Map(times.map(row => [Number(row.seq), Number(row.at)]));
  return own.map(operation => ({ ...operation, committedAtMs: at.get(operation.seq) ?? 0 }));
}

/** The journal's entry for a stored file. */
export interface StoredFile {
  seq: number;
  ordinal: number;
  artifactKey: string;
  sha256: string | null;
  /** Path below the bus root. */
  relPath: string;
}

/**
 * Returns the files of canonical artifacts whose rows are shown between two jobs, by
 * `<seq>-<ordinal>`.
 */
export async function storedBetween(journal: Journal, first: number, last: number): Promise<Map<string, StoredFile>> {
  const rows = await journal.query<{
    seq: bigint;
    ordinal: bigint;
    sha256: string;
    artifact_key: string;
    rel_path: string;
  }>(
    `SELECT seq, ordinal, sha256, artifact_key, rel_path FROM ${journal.shown}
     WHERE status = 'ingested' AND schema_hint LIKE 'canon.%' AND seq BETWEEN ${first} AND ${last}`,
  );
  return new Map(
    rows.map(({ seq, ordinal, sha256, artifact_key, rel_path }) => [
      `${seq}-${ordinal}`,
      { seq: Number(seq), ordinal: Number(ordinal), artifactKey: artifact_key, sha256, relPath: rel_path },
    ]),
  );
}

/** Returns the highest generation of each canonical table's files in these commits of `hot/`. */
export async function hotGenerations(layout: BusLayout, commits: readonly number[]): Promise<Map<string, number>> {
  const highest = new Map<string, number>();
  for (const seq of commits)
    for (const name of await readdir(join(layout.hot, seqName(seq)))) {
      const [table = '', generation] = name.split('~');
      if (isTableFile(name)) highest.set(table, Math.max(highest.get(table) ?? 0, Number(generation)));
    }
  return highest;
}

/**
 * Returns each schema of each canonical hint once for each table to which the hint has led, with
 * its first artifact and its last seq. Leaves out artifacts whose table was dropped since.
 */
export async function canonicalSchemas(journal: Journal, from = journal.placed): Promise<FirstOfSchema[]> {
  const rows = await journal.query<{
    schema_hint: string;
    schema_json: string;
    key: string;
    first: bigint;
    first_at: bigint;
    last: bigint;
  }>(
    `SELECT schema_hint, ${journal.names.tableSql()} AS table_name, schema_json, arg_min(artifact_key, place) AS key, min(place) // 100000 AS first, epoch_ms(arg_min(committed_at, place)) AS first_at,
       max(seq) AS last
     FROM (SELECT *, seq * 100000 + ordinal AS place FROM ${from})
     WHERE status = 'ingested' AND schema_hint LIKE 'canon.%' GROUP BY schema_hint, table_name, schema_json ORDER BY min(place)`,
  );
  return rows.map(row => ({
    seq: Number(row.last),
    schemaHint: row.schema_hint,
    ...(!journal.names.areFirst && { table: journal.names.tableOf(row.schema_hint, Number(row.first)) }),
    artifactKey: row.key,
    columns: JSON.parse(row.schema_json) as FileColumn[],
    firstSeq: Number(row.first),
    firstCommittedAtMs: Number(row.first_at),
  }));
}
