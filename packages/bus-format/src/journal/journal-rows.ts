import type { SqlValue } from '../duckdb.js';
import {
  foldKeys,
  isOneOf,
  type KeyRow,
  keyStatuses,
  shownInTables,
  withoutDropped,
  withoutErased,
  withoutForgotten,
} from './forgotten.js';
import type { KnownArtifact } from './known-keys.js';
import { groupByClaim, type JobHead, type JobHeadRow, type JournalRow, jobHead, journalColumnKinds } from './row.js';
import { TableNames } from './table-names.js';
import { type JournalledTableOperation, tableOperationOf, tableOperationsQuery } from './table-operations.js';

/** What can be asked of the journal's rows. */
export abstract class JournalRows {
  /** The last job that forgot or restored an artifact, or changed a table; 0 if none ever did. */
  lastTurn = 0;
  /** To which canonical tables the hints of artifacts lead. */
  names = TableNames.none;

  /** Records a job that forgot or restored artifacts, or changed a table. */
  noteTurn(seq: number): void {
    this.lastTurn = Math.max(this.lastTurn, seq);
  }

  /** Queries the views of the journal; a list of strings is the statement's `$1`. */
  abstract query<Row>(sql: string, list?: readonly string[]): Promise<Row[]>;

  /** Returns the journal's entry for each of these keys that it has. */
  async findKeys(keys: readonly string[]): Promise<Map<string, KnownArtifact>> {
    if (keys.length === 0) return new Map();
    const rows = await this.query<KeyRow>(
      `SELECT artifact_key, seq, sha256, rel_path, schema_hint, status, reject_details IS NOT NULL AS quarantined FROM _bus.journal
       WHERE status IN ${keyStatuses} AND ${isOneOf(keys)} ORDER BY seq`,
      keys,
    );
    return foldKeys(rows);
  }

  /** Returns those of these jobs that were rejected. */
  async findRejected(jobIds: readonly string[]): Promise<Set<string>> {
    if (jobIds.length === 0) return new Set();
    const rows = await this.query<{ job_id: string }>(
      `SELECT DISTINCT job_id FROM _bus.journal WHERE status = 'rejected' AND job_id IN (SELECT unnest($1))`,
      jobIds,
    );
    return new Set(rows.map(row => row.job_id));
  }

  /** Returns those of these store paths that the journal names, unless they are forgotten. */
  async findRelPaths(relPaths: readonly string[]): Promise<Set<string>> {
    if (relPaths.length === 0) return new Set();
    const rows = await this.query<{ rel_path: string }>(
      `SELECT rel_path FROM ${this.stored} WHERE status = 'ingested' AND rel_path IN (SELECT unnest($1))`,
      relPaths,
    );
    return new Set(rows.map(row => row.rel_path));
  }

  /** Returns all rows of these claims, by claim. */
  async findClaims(claims: readonly string[]): Promise<Map<string, JournalRow[]>> {
    if (claims.length === 0) return new Map();
    return groupByClaim(await this.rows(`WHERE claim IN (SELECT unnest($1))`, claims));
  }

  /** The jobs with `after < seq <= upTo`, newest first, without their rows. */
  async jobHeads(after: number, upTo: number): Promise<JobHead[]> {
    const jobs = await this.query<JobHeadRow>(
      `SELECT seq, any_value(job_id) AS job_id, bool_or(status = 'rejected') AS rejected, epoch_ms(max(committed_at)) AS at, count(*) AS n
FROM _bus.journal WHERE seq > ${after} AND seq <= ${upTo} GROUP BY seq ORDER BY seq DESC`,
    );
    return jobs.map(jobHead);
  }

  /** All rows of these jobs, by claim, in order. */
  async jobsOf(seqs: readonly number[]): Promise<Map<string, JournalRow[]>> {
    return seqs.length === 0 ? new Map() : groupByClaim(await this.rows(`WHERE seq IN (${seqs.join(', ')})`));
  }

  /** All rows of the jobs from one seq to another, by claim, in order. */
  async jobsBetween(first: number, last: number): Promise<Map<string, JournalRow[]>> {
    return groupByClaim(await this.rows(`WHERE seq BETWEEN ${first} AND ${last}`));
  }

  /** Time of the last commit (milliseconds since 1970); undefined without a commit. */
  async lastCommittedAt(): Promise<number | undefined> {
    const [row] = await this.query<{ at: bigint | null }>('SELECT epoch_ms(max(committed_at)) AS at FROM _bus.journal');
    return row?.at == null ? undefined : Number(row.at);
  }

  /** The rows of ingested artifacts with `after < seq <= upTo`, in order. */
  async ingestedBetween(after: number, upTo: number, from?: string): Promise<JournalRow[]> {
    return this.rows(`WHERE status = 'ingested' AND seq > ${after} AND seq <= ${upTo}`, undefined, from);
  }

  /** Bytes of all stored artifacts up to a job. */
  async ingestedBytes(upTo: number): Promise<number> {
    const [row] = await this.query<{ n: bigint }>(
      `SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) AS n FROM ${this.stored} WHERE status = 'ingested' AND seq <= ${upTo}`,
    );
    return Number(row?.n ?? 0);
  }

  /** FROM clause of all rows except those of forgotten artifacts, whose bytes are gone. */
  get stored(): string {
    return this.lastTurn > 0 ? withoutForgotten : '_bus.journal';
  }

  /** FROM clause of all rows except those of artifacts that were erased. */
  get unerased(): string {
    return this.lastTurn > 0 ? withoutErased : '_bus.journal';
  }

  /** FROM clause of all rows except those of artifacts whose table was dropped since. */
  get placed(): string {
    return this.lastTurn > 0 ? withoutDropped(this.names) : '_bus.journal';
  }

  /** FROM clause of all rows except those of artifacts whose rows have left their tables. */
  get shown(): string {
    return this.lastTurn > 0 ? shownInTables(this.names) : '_bus.journal';
  }

  /** Returns all operations on canonical tables, oldest first. */
  async tableOperations(): Promise<JournalledTableOperation[]> {
    if (this.lastTurn === 0) return [];
    const rows = await this.query<{ seq: bigint; op_json: string }>(tableOperationsQuery('_bus.journal'));
    return rows.map(tableOperationOf);
  }

  /** The rows for which a WHERE clause holds, in order; a list of strings is its `$1`. */
  async rows(where: string, list?: readonly string[], from = '_bus.journal'): Promise<JournalRow[]> {
    const columns = journalColumnKinds.map(([name, kind]) =>
      kind === 'timestamp' ? `epoch_ms("${name}") AS "${name}"` : `"${name}"`,
    );
    const rows = await this.query<Record<string, SqlValue>>(
      `SELECT ${columns.join(', ')} FROM ${from} ${where} ORDER BY seq, ordinal`,
      list,
    );
    for (const row of rows) for (const name in row) if (typeof row[name] === 'bigint') row[name] = Number(row[name]);
    return rows as unknown as JournalRow[];
  }
}
