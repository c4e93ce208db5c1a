import { statSync } from 'node:fs';
import { isHttpRoot } from '@quantbot/infra/bus';
import { findBusConfig } from '@quantbot/infra/config';
import type { Param, Params } from '../duckdb/bind.js';
import { storageError } from '../errors.js';
import { lakeAddresses } from '../lake/lake-address.js';
import type { LakeAddress, LakeAddresses } from '../lake/open-lake.js';
import { type DuckDb, openDuckDb, type QueryOptions } from '../open-duckdb.js';
import { knownOptions } from '../options.js';
import type { Row } from '../types/mapping.js';
import { known } from './filters.js';
import { HttpSource } from './http-source.js';
import { openLakeDatabase, openLakePast } from './lake-source.js';
import { type Lineage, type LineageOptions, lineageOf } from './lineage.js';
import { countArtifacts, latestArtifact, listArtifacts } from './list-artifacts.js';
import { countJobs, listJobs } from './list-jobs.js';
import { countRuns, listRuns } from './list-runs.js';
import { openPast } from './past.js';
import type { ArtifactFilter, JobFilter, LatestFilter, Query, RunFilter } from './queries.js';
import {
  type ArtifactRecord,
  artifactRecord,
  type JobRecord,
  jobRecord,
  type RunRecord,
  runRecord,
} from './records.js';
import { type WatchOptions, type WatchSource, watchCommits } from './watch.js';

/** Which catalog to open. */
export interface CatalogOptions {
  /** Path of the published database; by default that of `bus_config.json`. */
  duckdbPath?: string;
  /** The lake of a cluster, from `lakeAddress`; by default that of `bus_config.json`. */
  lake?: LakeAddress;
  /**
   * The server of a daemon elsewhere, such as `https://bus.lan`; by default that of
   * `bus_config.json`. The variable `QUANTBOT_BUS_TOKEN` has the token. The `path` of an artifact
   * is then that on the daemon's machine.
   */
  busRoot?: string;
  /** Path of `bus_config.json`; by default `QUANTBOT_BUS_CONFIG`, or the nearest one upwards. */
  config?: string;
  /** Where the search upwards begins. */
  cwd?: string;
}

const catalogOptions = { duckdbPath: true, lake: true, busRoot: true, config: true, cwd: true } as const;

/** The lists of a catalog, and their conditions. */
export interface ListFilters {
  artifacts: ArtifactFilter;
  jobs: JobFilter;
  runs: RunFilter;
}

/** A name that stands for an artifact. */
export interface AliasRecord {
  producer: string;
  kind: string;
  alias: string;
  /** Key of the artifact. */
  key: string;
  /** The job that set it. */
  seq: number;
}

/**
 * The catalog of a bus. It stays live for as long as it is open: each call sees the newest commit.
 */
export interface Catalog extends AsyncDisposable {
  /**
   * Returns the newest artifact of a producer and kind by seq that is not forgotten, or undefined.
   */
  latest(filter: LatestFilter): Promise<ArtifactRecord | undefined>;
  /** Returns artifacts, newest first. Forgotten ones have `forgottenAt`. */
  artifacts(filter?: ArtifactFilter): Promise<ArtifactRecord[]>;
  /** Returns runs, newest first. */
  runs(filter?: RunFilter): Promise<RunRecord[]>;
  /** Returns settled jobs, newest first. A job id that was retried appears once per attempt. */
  jobs(filter?: JobFilter): Promise<JobRecord[]>;
  /** Returns how many entries a list has, whatever its limit, offset and order. */
  count<List extends keyof ListFilters>(list: List, filter?: ListFilters[List]): Promise<number>;
  /** Returns the outcome of a job's newest attempt, or undefined while it has not settled. */
  job(jobId: string): Promise<JobRecord | undefined>;
  /**
   * Returns the inputs and outputs of an artifact: direct neighbours, or with `depth` further ones.
   * An unknown key has none.
   */
  lineage(key: string, options?: LineageOptions): Promise<Lineage>;
  /**
   * Returns other artifacts with the same rows, whatever their order and encoding, newest first.
   * Requires `catalog.content_hash`.
   */
  sameContent(key: string): Promise<ArtifactRecord[]>;
  /** Returns the current aliases. `catalog.alias_history_f` has the earlier ones. */
  aliases(): Promise<AliasRecord[]>;
  /** Runs one SQL query over `catalog.*` and `canon.*`; parameters as for `DuckDb.query`. */
  query<R = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<R[]>;
  /**
   * Returns the catalog as of a moment: after the job with this seq, or at this time by the
   * daemon's clock. Canonical tables have the rows of that moment, with today's columns. The result
   * never changes.
   */
  asOf(at: number | Date): Promise<Catalog>;
  /**
   * Yields every artifact as it is committed, in order, until the loop ends or the signal aborts.
   * `since` starts in the past, so that nothing is missed between two watches. Forgotten artifacts
   * are left out.
   *
   * @example
   * for await (const artifact of catalog.watch({ producer: 'baseline', since: 17 }))
   *   console.log(artifact.seq, artifact.path);
   */
  watch(options?: WatchOptions): AsyncIterable<ArtifactRecord>;
  close(): Promise<void>;
}

/**
 * Opens the catalog of a bus, read-only. A URL is that of a daemon's server.
 *
 * @example
 * const catalog = await openCatalog();
 * const latest = await catalog.latest({ producer: 'baseline', kind: 'alerts_std' });
 * if (latest !== undefined) console.log(latest.path, latest.rows);
 * await catalog.close();
 *
 * @throws StorageError `DATABASE_NOT_FOUND`; over HTTP also `READ_FAILED`; BusError `BUS_DENIED`,
 * and those of the configuration.
 */
export async function openCatalog(given: CatalogOptions | string = {}): Promise<Catalog> {
  const options = knownOptions(typeof given === 'string' ? { busRoot: given } : given, catalogOptions);
  if (options.busRoot !== undefined) return openServed(options.busRoot);
  if (options.duckdbPath !== undefined) return openPublished(options.duckdbPath);
  const { lake } = options;
  if (lake !== undefined) return openLakeCatalog(async () => lake);
  const { config } = findBusConfig({ config: options.config, cwd: options.cwd });
  if (isHttpRoot(config.busRoot)) return openServed(config.busRoot);
  if (config.cluster === undefined) return openPublished(config.duckdbPath);
  return openLakeCatalog(lakeAddresses(config.cluster));
}

const openLakeCatalog = async (addresses: LakeAddresses): Promise<Catalog> =>
  catalogOver(await openLakeDatabase(addresses), seq => openLakePast(addresses, seq));

async function openServed(root: string): Promise<Catalog> {
  if (!isHttpRoot(root))
    throw storageError('OPTIONS_INVALID', `${root} is not the URL of a daemon's server.`, {
      hint: 'Give a URL that begins with https://, or the path of the database as `duckdbPath`.',
    });
  return catalogOver(await HttpSource.open(root), seq => HttpSource.open(root, seq));
}

async function openPublished(path: string): Promise<Catalog> {
  const connection = new LiveDatabase(path);
  await connection.open();
  return catalogOver(connection, seq => openPast(path, seq));
}

const counts: { [List in keyof ListFilters]: (query: Query, filter?: ListFilters[List]) => Promise<number> } = {
  artifacts: (query, filter) => countArtifacts(query, known.artifacts(filter)),
  jobs: (query, filter) => countJobs(query, known.jobs(filter)),
  runs: (query, filter) => countRuns(query, known.runs(filter)),
};

function countOf<List extends keyof ListFilters>(list: List): (typeof counts)[List] {
  if (Object.hasOwn(counts, list)) return counts[list];
  throw storageError('OPTIONS_INVALID', `There is no list ${list}. Lists are ${Object.keys(counts).join(', ')}.`);
}

/** The source of a catalog's answers: the published database, its past, or a server. */
interface Source {
  isElsewhere?: boolean;
  query<R = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<R[]>;
  close(): Promise<void>;
}

/** @param pastAt opens the source as it was after a job. */
function catalogOver(source: Source, pastAt: (seq: number) => Promise<Source>): Catalog {
  const query = (sql: string, parameters: readonly Param[] = []) => source.query(sql, parameters);
  const close = () => source.close();
  return {
    latest: async filter => {
      const row = await latestArtifact(query, known.latest(filter));
      return row && artifactRecord(row);
    },
    artifacts: async filter => (await listArtifacts(query, known.artifacts(filter))).map(artifactRecord),
    runs: async filter => (await listRuns(query, known.runs(filter))).map(runRecord),
    jobs: async filter => (await listJobs(query, known.jobs(filter))).map(jobRecord),
    count: async (list, filter) => countOf(list)(query, filter),
    job: async jobId =>
      (await query('SELECT * FROM catalog.jobs_f WHERE job_id = ? ORDER BY seq DESC LIMIT 1', [jobId])).map(
        jobRecord,
      )[0],
    lineage: async (key, options) => lineageOf(query, key, known.lineage(options)),
    sameContent: async key =>
      (
        await query(
          `SELECT * FROM catalog.artifacts_f WHERE artifact_key <> $1 AND content_hash = (SELECT content_hash FROM catalog.artifacts_f WHERE artifact_key = $1)
           ORDER BY seq DESC, ordinal DESC`,
          [key],
        )
      ).map(artifactRecord),
    aliases: async () =>
      (await query('SELECT * FROM catalog.aliases_v ORDER BY producer, kind, alias')).map(aliasRecord),
    query: (sql, params, options) => source.query(sql, params, options),
    asOf: async at => catalogOver(await pastAt(await seqAt(source, at)), pastAt),
    watch: options => watchCommits(watchSource(query, source.isElsewhere), known.watch(options)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Follows the published database. A superseded one would still answer its last state, and keep old
 * files alive.
 */
class LiveDatabase {
  readonly #path: string;
  #current: { database: DuckDb; inode: number | undefined } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Returns the currently published database. Calls run one at a time, so that none closes what
   * another has just opened.
   */
  open(): Promise<DuckDb> {
    const opened = this.#turn.then(() => this.#open());
    this.#turn = opened.catch(() => {});
    return opened;
  }

  async query<R = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<R[]> {
    if (this.#closed) throw storageError('CLOSED', 'The catalog was closed.');
    return (await this.open()).query(sql, params, options);
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
    // If the file is missing, the open database answers.
    if (database !== undefined && (inode === undefined || inode === known)) return database;
    const fresh = await openDuckDb(this.#path, { readOnly: true });
    this.#current = { database: fresh, inode };
    // Closing waits for running queries, which must not wait for this.
    void database?.close();
    return fresh;
  }
}

const watchSource = (
  query: (sql: string, parameters?: readonly Param[]) => Promise<Row[]>,
  isElsewhere = false,
): WatchSource => ({
  // The answers of a server are small.
  stepSeqs: isElsewhere ? 500 : 10_000,
  lastSeq: async () => Number((await query('SELECT max(seq) AS seq FROM _bus.journal'))[0]?.seq ?? 0),
  between: async (after, upTo) =>
    (
      await query(
        'SELECT * FROM catalog.artifacts_f WHERE seq > ? AND seq <= ? AND forgotten_at IS NULL ORDER BY seq, ordinal',
        [after, upTo],
      )
    ).map(artifactRecord),
  commitFolder: async () =>
    isElsewhere ? undefined : `${(await query('SELECT bus_root FROM catalog.bus_info'))[0]?.bus_root}/journal/hot`,
});

/** Returns the seq of the last job committed at or before a moment. A seq stays itself. */
export async function seqAt(source: Pick<Source, 'query'>, at: number | Date): Promise<number> {
  if (typeof at === 'number') {
    if (Number.isSafeInteger(at) && at >= 0) return at;
    throw storageError('OPTIONS_INVALID', `${at} is not a seq.`);
  }
  const [row] = await source.query('SELECT max(seq) AS seq FROM catalog.jobs_f WHERE committed_at <= ?', [at]);
  return Number(row?.seq ?? 0);
}

const aliasRecord = (row: Row): AliasRecord => ({
  producer: row.producer as string,
  kind: row.kind as string,
  alias: row.alias as string,
  key: row.artifact_key as string,
  seq: row.seq as number,
});
