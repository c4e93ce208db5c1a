import { statSync } from 'node:fs';
import { findBusConfig } from '@quantbot/infra';
import type { Param } from '../duckdb/bind.js';
import { storageError } from '../errors.js';
import { type DuckDb, openDuckDb } from '../open-duckdb.js';
import type { Row } from '../types/mapping.js';
import {
  type ArtifactRecord,
  artifactRecord,
  type JobRecord,
  jobRecord,
  type RunRecord,
  runRecord,
} from './records.js';

/** Which catalog to open. */
export interface CatalogOptions {
  /** Path of the published database; else what `bus_config.json` says. */
  duckdbPath?: string;
  /** Path of `bus_config.json`; else `QUANTBOT_BUS_CONFIG`, else the nearest one upwards. */
  config?: string;
  /** Where the search upwards begins. */
  cwd?: string;
}

/** Which dataset's newest artifact is wanted. */
export interface LatestFilter {
  producer: string;
  kind: string;
  /** Needed when the kind has several. */
  artifactId?: string;
}

/** Which artifacts are wanted; what is absent is not a condition. */
export interface ArtifactFilter {
  runId?: string;
  producer?: string;
  kind?: string;
  artifactId?: string;
  /** Committed at or after. */
  since?: Date;
  /** Committed before. */
  until?: Date;
  /** At most so many, newest first. */
  limit?: number;
}

/** The catalog of a bus. It stays live for as long as it is open: each call sees the newest commit. */
export interface Catalog extends AsyncDisposable {
  /** The newest artifact of a dataset (by the daemon's order), undefined when there is none. */
  latest(filter: LatestFilter): Promise<ArtifactRecord | undefined>;
  /** Artifacts, newest first. */
  artifacts(filter?: ArtifactFilter): Promise<ArtifactRecord[]>;
  /** Runs, newest first. */
  runs(options?: { limit?: number }): Promise<RunRecord[]>;
  /** What became of a job (of its newest attempt, if its id came more than once), undefined while it has not settled. */
  job(jobId: string): Promise<JobRecord | undefined>;
  /** The keys of what an artifact was made from, and of what was made from it. One step; ask again to go further. */
  lineage(key: string): Promise<{ inputs: string[]; outputs: string[] }>;
  close(): Promise<void>;
}

/**
 * Opens the catalog of a bus, read-only.
 *
 * @example
 * const catalog = await openCatalog();
 * const latest = await catalog.latest({ producer: 'baseline', kind: 'alerts_std' });
 * if (latest !== undefined) console.log(latest.path, latest.rows);
 * await catalog.close();
 *
 * @throws StorageError `DATABASE_NOT_FOUND`; BusError of the configuration.
 */
export async function openCatalog(options: CatalogOptions = {}): Promise<Catalog> {
  const path = options.duckdbPath ?? findBusConfig({ config: options.config, cwd: options.cwd }).config.duckdbPath;
  const connection = new LiveDatabase(path);
  await connection.open();
  const query = (sql: string, parameters: readonly Param[] = []) => connection.query(sql, parameters);
  const close = () => connection.close();
  return {
    latest: async filter => (await query(...latestQuery(filter))).map(artifactRecord)[0],
    artifacts: async (filter = {}) => (await query(...artifactsQuery(filter))).map(artifactRecord),
    runs: async ({ limit } = {}) =>
      (await query(`SELECT * FROM catalog.runs_d ORDER BY last_seq DESC${limitOf(limit)}`)).map(runRecord),
    job: async jobId =>
      (await query('SELECT * FROM catalog.jobs_f WHERE job_id = ? ORDER BY seq DESC LIMIT 1', [jobId])).map(
        jobRecord,
      )[0],
    lineage: async key => ({
      inputs: keysOf(
        await query('SELECT DISTINCT input_key AS key FROM catalog.lineage_v WHERE artifact_key = ? ORDER BY key', [
          key,
        ]),
      ),
      outputs: keysOf(
        await query('SELECT DISTINCT artifact_key AS key FROM catalog.lineage_v WHERE input_key = ? ORDER BY key', [
          key,
        ]),
      ),
    }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Keeps to the published database, whichever file that is by now: an older one still answers right, but holds back what it needs. */
class LiveDatabase {
  readonly #path: string;
  #current: { database: DuckDb; inode: number | undefined } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** The database that is published now; one look at a time, so that nobody closes what another has just opened. */
  open(): Promise<DuckDb> {
    const opened = this.#turn.then(() => this.#open());
    this.#turn = opened.catch(() => {});
    return opened;
  }

  async query(sql: string, parameters: readonly Param[]): Promise<Row[]> {
    if (this.#closed) throw storageError('CLOSED', 'The catalog was closed.');
    return (await this.open()).query(sql, parameters);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await this.#current?.database.close();
    this.#current = undefined;
  }

  async #open(): Promise<DuckDb> {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    const { database, inode: known } = this.#current ?? {};
    // Missing for a moment, or for good: the one that is open answers.
    if (database !== undefined && (inode === undefined || inode === known)) return database;
    const fresh = await openDuckDb(this.#path, { readOnly: true });
    this.#current = { database: fresh, inode };
    // Waits for the queries that still run on it, which must not wait for this.
    void database?.close();
    return fresh;
  }
}

function latestQuery({ producer, kind, artifactId }: LatestFilter): [string, Param[]] {
  const only = artifactId === undefined ? '' : ' AND artifact_id = ?';
  return [
    `SELECT * FROM catalog.artifacts_f WHERE producer = ? AND kind = ?${only} ORDER BY seq DESC, ordinal DESC LIMIT 1`,
    [producer, kind, ...(artifactId === undefined ? [] : [artifactId])],
  ];
}

function artifactsQuery(filter: ArtifactFilter): [string, Param[]] {
  const conditions: [string, Param | undefined][] = [
    ['run_id = ?', filter.runId],
    ['producer = ?', filter.producer],
    ['kind = ?', filter.kind],
    ['artifact_id = ?', filter.artifactId],
    ['committed_at >= ?', filter.since],
    ['committed_at < ?', filter.until],
  ];
  const given = conditions.filter((condition): condition is [string, Param] => condition[1] !== undefined);
  const where = given.length === 0 ? '' : ` WHERE ${given.map(([sql]) => sql).join(' AND ')}`;
  return [
    `SELECT * FROM catalog.artifacts_f${where} ORDER BY seq DESC, ordinal DESC${limitOf(filter.limit)}`,
    given.map(([, value]) => value),
  ];
}

const limitOf = (limit: number | undefined): string =>
  limit === undefined ? '' : ` LIMIT ${Math.max(0, Math.floor(limit))}`;
const keysOf = (rows: readonly Row[]): string[] => rows.map(row => row.key as string);
