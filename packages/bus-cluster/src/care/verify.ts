import { isDeepStrictEqual } from 'node:util';
import type { StoreProblem, VerifyReport } from '@quantbot/bus-care/verify';
import { concurrently, type OnProgress } from '@quantbot/bus-format';
import { type JournalRow, journalColumnKinds } from '@quantbot/bus-format/journal';
import { identifier } from '@quantbot/bus-format/sql';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { type Catalog, openCatalog } from '@quantbot/storage';
import { lakeAddress } from '@quantbot/storage/lake';
import { type CompareOptions, compareArtifact } from '../compare-object.js';
import { forgottenAmong } from '../forgotten.js';
import { readableUpTo, rowsBetween } from '../journal.js';
import type { ClusterPlaces } from '../lake/lake-files.js';
import { pagesOf } from '../pages.js';
import { atTheirPlaces } from '../places.js';
import { Postgres, type Queries } from '../postgres/postgres.js';
import { OperatedTables, operatedTables } from '../table-operations.js';
import { compareArchive } from './compare-archive.js';
import { compareOutcomes } from './compare-outcomes.js';
import { listOwnObjects, type OwnObject } from './own-objects.js';
import { publishedIn } from './published-seq.js';

/** The journal is read in steps of this many jobs, so that memory stays bounded. */
const stepJobs = 5000;
const objectsAtOnce = 16;
const rebuild = 'run quantbot-bus rebuild';
/** A younger object may belong to a job that is not submitted yet. */
const inFlightMs = 86_400_000;

/** Options of a verification. */
export interface VerifyClusterOptions {
  config?: string | undefined;
  /** Also read objects whose SHA-256 the store has checked itself. */
  deep?: boolean;
  onProgress?: OnProgress;
}

/**
 * Compares the store of a cluster with its journal: finds missing, changed and orphaned objects,
 * canonical tables of the lake that lack rows, missing seqs, and objects of the journal that are
 * damaged or differ from PostgreSQL. Compares files of the lake and of golden exports with their
 * checksums, and outcomes of jobs with the journal. It only reads. Daemons may run meanwhile.
 */
export async function verifyCluster(cluster: ClusterConfig, options: VerifyClusterOptions): Promise<VerifyReport> {
  const { postgres: url, root } = await lakeAddress(cluster);
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const postgres = await Postgres.open(url, { connections: 2 });
  try {
    await using catalog = await openCatalog({ config: options.config });
    const verification = new Verification({ postgres, objects, root }, options);
    let unreadable: unknown;
    // Read before the journal, which is never behind.
    const published = await publishedIn(catalog).catch(error => {
      unreadable = error;
      return 0;
    });
    const report = await verification.run(catalog, published);
    const isExplained = report.problems.some(({ code }) => code === 'TABLE_DAMAGED');
    if (unreadable !== undefined && !isExplained) throw unreadable;
    return report;
  } finally {
    await postgres.close();
  }
}

class Verification {
  readonly #places: ClusterPlaces;
  readonly #postgres: Queries;
  readonly #objects: Objects;
  readonly #options: VerifyClusterOptions;
  readonly #named = new Set<string>();
  /** The rows that each canonical table should have, by its first name. */
  readonly #rows = new Map<string, number>();
  /** What the published operations have made of tables. */
  #operated = new OperatedTables([]);
  readonly #report: VerifyReport = { artifacts: 0, bytes: 0, problems: [] };
  /** The bytes of compared objects that are no artifacts, and of all objects. */
  #compared = 0;
  #total = 0;

  constructor(places: ClusterPlaces, options: VerifyClusterOptions) {
    this.#places = places;
    this.#postgres = places.postgres;
    this.#objects = places.objects;
    this.#options = options;
  }

  async run(catalog: Catalog, published: number): Promise<VerifyReport> {
    const [head] = await this.#postgres.query<{ seq: number; jobs: number; bytes: number }>(
      `SELECT seq, (SELECT count(*) FROM bus.jobs WHERE jobs.seq <= head.seq) AS jobs,
         (SELECT coalesce(sum(bytes), 0)::bigint FROM bus.journal WHERE status = 'ingested') AS bytes FROM bus.head`,
    );
    const { seq: lastSeq = 0, jobs = 0, bytes = 0 } = head ?? {};
    const own = await listOwnObjects(this.#places);
    this.#total = own.reduce((sum, file) => sum + file.bytes, bytes);
    this.#operated = await operatedTables(this.#postgres, published);
    if (jobs !== lastSeq)
      this.#add('JOURNAL_DAMAGED', 'bus.jobs', `it has ${jobs} jobs, and the last seq is ${lastSeq}`);
    for (let after = 0, upTo = 0; after < lastSeq; after = upTo) {
      upTo = await readableUpTo(this.#postgres, after, Math.min(after + stepJobs, lastSeq));
      const rows = await rowsBetween(this.#postgres, after + 1, upTo);
      if (this.#options.deep === true && upTo <= published) await this.#checkCatalog(catalog, after, rows);
      const ingested = await atTheirPlaces(
        this.#postgres,
        rows.filter(({ status }) => status === 'ingested'),
      );
      const keys = ingested.map(({ artifact_key }) => artifact_key ?? '');
      const gone = await forgottenAmong(this.#postgres, keys);
      const shown = await forgottenAmong(this.#postgres, keys, published);
      for (const row of ingested) this.#note(row, published, shown.get(row.artifact_key ?? '')?.status === 'erased');
      const stored = ingested.filter(({ artifact_key }) => !gone.has(artifact_key ?? ''));
      this.#report.artifacts += stored.length;
      const problems = await concurrently(stored, row => this.#check(row), objectsAtOnce);
      this.#report.problems.push(...problems.flat());
    }
    for (const { what, detail } of await compareArchive(this.#postgres, this.#objects))
      this.#add('JOURNAL_DAMAGED', what, detail);
    await this.#checkOwn(own);
    for await (const { hurt } of compareOutcomes(this.#places))
      if (hurt !== undefined) this.#add(hurt.code, hurt.what, hurt.detail);
    await this.#findOrphans();
    await this.#checkTables(catalog, published);
    return this.#report;
  }

  #add(code: StoreProblem['code'], what: string, detail: string): void {
    this.#report.problems.push({ code, what, detail });
  }

  /** @param isErased whether its rows have left their table. */
  #note({ seq, rel_path, rows, schema_hint }: JournalRow, published: number, isErased: boolean): void {
    this.#named.add(rel_path ?? '');
    const table = this.#operated.tableOf(schema_hint, seq);
    if (table !== undefined && seq <= published && !isErased)
      this.#rows.set(table, (this.#rows.get(table) ?? 0) + (rows ?? 0));
  }

  async #check(row: JournalRow): Promise<StoreProblem[]> {
    const problem = await compareArtifact(this.#objects, row, this.#compare);
    this.#report.bytes += row.bytes ?? 0;
    this.#tell();
    return problem === undefined ? [] : [problem];
  }

  /** Compares the other objects that daemons wrote. */
  async #checkOwn(own: readonly OwnObject[]): Promise<void> {
    const found = await concurrently(
      own,
      async ({ bytes, check }) => {
        const problem = await check(this.#compare);
        this.#compared += bytes;
        this.#tell();
        return problem ?? [];
      },
      objectsAtOnce,
    );
    this.#report.problems.push(...found.flat());
  }

  get #compare(): CompareOptions {
    return { trustsStore: this.#options.deep !== true };
  }

  #tell(): void {
    const done = this.#report.bytes + this.#compared;
    this.#options.onProgress?.({ done: Math.min(done, this.#total), total: this.#total, unit: 'bytes' });
  }

  async #findOrphans(): Promise<void> {
    for await (const page of pagesOf(this.#objects, 'store/'))
      for (const { key, modifiedAtMs } of page)
        if (!this.#named.has(key) && Date.now() - modifiedAtMs > inFlightMs)
          this.#add('ORPHAN', key, 'no journal row names it');
  }

  /** Compares what readers of the catalog see. DuckLake itself writes some of its files. */
  async #checkCatalog(catalog: Catalog, after: number, rows: readonly JournalRow[]): Promise<void> {
    const upTo = rows.at(-1)?.seq ?? after;
    const values = journalColumnKinds.map(([name, kind]) =>
      kind === 'timestamp' ? `epoch_ms(${name}) AS ${name}` : name,
    );
    const sql = `SELECT ${values.join(', ')} FROM _bus.journal WHERE seq > ${after} AND seq <= ${upTo} ORDER BY seq, ordinal`;
    const shown = await catalog.query(sql).catch(() => []);
    if (!isDeepStrictEqual(shown, rows))
      this.#add(
        'TABLE_DAMAGED',
        'catalog',
        `it has other rows than the journal for the jobs ${after + 1} to ${upTo}; ${rebuild}`,
      );
  }

  async #checkTables(catalog: Catalog, published: number): Promise<void> {
    for (const [table, expected] of this.#rows) {
      const [row] = await catalog
        .query(`SELECT count(*) AS n FROM _files.${identifier(table)} WHERE _seq <= ${published}`)
        .catch(() => []);
      const shown = Number(row?.n ?? 0);
      if (shown !== expected)
        this.#add(
          'TABLE_ROWS',
          this.#operated.names.nameOf(table),
          `it has ${shown} rows, its artifacts have ${expected}; ${rebuild}`,
        );
    }
  }
}
