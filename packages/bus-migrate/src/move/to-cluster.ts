import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { VerifyReport } from '@quantbot/bus-care/verify';
import {
  appendHistory,
  busIdOf,
  type HistoryRow,
  JournalArchive,
  migrate,
  OperatedTables,
  Postgres,
  type Queries,
  rowsBetween,
} from '@quantbot/bus-cluster';
import { concurrently, daemonError, type OnProgress } from '@quantbot/bus-format';
import { canonicalSchemas, TableRegistry, tablesWithForgotten } from '@quantbot/bus-format/canon';
import { damaged, Journal, type JournalRow, rottenJournalFiles } from '@quantbot/bus-format/journal';
import { acquireWriterLock, countQueue, mustBeFolders } from '@quantbot/bus-format/state';
import { busLayout, readBusMarker } from '@quantbot/infra/bus';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { faultPoint, inFolder } from '@quantbot/infra/files';
import { hashObject, type Objects, openObjects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { checkTables, mustBeBeginning, mustHaveBytes, rowAt } from './checks.js';
import { isStored, toObjects } from './map-rows.js';
import { copyOutcomes } from './outcomes-to-cluster.js';
import { type MoveReport, mustBeSame, placeOf } from './report.js';

/** The number of jobs per step: copy their artifacts, then commit their rows. */
const stepJobs = 200;
const filesAtOnce = 8;

/** A move from one machine into a cluster. */
export interface MoveToCluster {
  from: BusConfig;
  to: BusConfig & { cluster: ClusterConfig };
  /** Creates what the cluster lacks: the marker and the lake. */
  init(): Promise<unknown>;
  /** Publishes all commits. */
  publish(): Promise<unknown>;
  verify(): Promise<VerifyReport>;
  onProgress: OnProgress;
}

/**
 * Moves a bus from one machine into a cluster, row for row: the same seqs, times, keys, aliases and
 * tables. Changes nothing in the old bus, whose daemon must not run. It can be interrupted at any
 * moment and run again, also when the old bus has more jobs by then.
 *
 * @throws DaemonError `LOCK_TIMEOUT`, `JOURNAL_DAMAGED`, `FILE_DAMAGED`, `MOVE_TARGET_TAKEN`,
 * `MOVE_MISMATCH`, `JOURNAL_BUSY`, `CLUSTER_UNSUPPORTED`; BusError `COLUMN_UNSUPPORTED`,
 * `CONFIG_INVALID`.
 */
export async function moveToCluster(options: MoveToCluster): Promise<MoveReport> {
  const { from, to } = options;
  mustBeFolders(from);
  const lock = await acquireWriterLock(from);
  const layout = busLayout(from.busRoot);
  let journal: Journal | undefined;
  let postgres: Postgres | undefined;
  try {
    const rotten = await rottenJournalFiles(layout);
    if (rotten.length > 0) throw damaged(layout, rotten);
    journal = await Journal.read(layout);
    await journal.check();
    const operated = new OperatedTables(await journal.tableOperations());
    mustHaveBytes(await tablesWithForgotten(journal), operated);
    const schemas = await canonicalSchemas(journal);
    await checkTables(declared => TableRegistry.replay(schemas, declared, operated), from, to);
    const objects = await openObjects(withVariables(to.cluster.objects), to.cluster.s3);
    postgres = await Postgres.open((await lakeAddress(to.cluster)).postgres);
    const busId = await begin(options, postgres, objects, layout.root);
    return await new Move(options, journal, postgres, objects).run(busId);
  } finally {
    await postgres?.close();
    journal?.close();
    await lock.release();
  }
}

/** Creates the cluster unless it exists. A new one gets the id of the old bus. */
async function begin({ init }: MoveToCluster, postgres: Postgres, objects: Objects, root: string): Promise<string> {
  await migrate(postgres);
  const marker = await readBusMarker(root);
  if (marker !== undefined && (await busIdOf(objects)) === undefined)
    await postgres.query('UPDATE bus.head SET bus_id = $1 WHERE seq = 0', [marker.bus_id]);
  await init();
  const [head] = await postgres.query<{ bus_id: string }>('SELECT bus_id FROM bus.head');
  return head?.bus_id ?? '';
}

class Move {
  readonly #options: MoveToCluster;
  readonly #journal: Journal;
  readonly #postgres: Postgres;
  readonly #objects: Objects;

  constructor(options: MoveToCluster, journal: Journal, postgres: Postgres, objects: Objects) {
    this.#options = options;
    this.#journal = journal;
    this.#postgres = postgres;
    this.#objects = objects;
  }

  async run(busId: string): Promise<MoveReport> {
    const { from, to, onProgress } = this.#options;
    const { lastSeq } = this.#journal;
    await JournalArchive.open(this.#postgres, this.#objects); // refuses a bucket with more jobs
    const before = await this.#beginning();
    const total = await this.#journal.ingestedBytes(lastSeq);
    const moved = { artifacts: 0, bytes: 0 };
    let done = await this.#journal.ingestedBytes(before);
    for (let seq = before; seq < lastSeq; seq += stepJobs) {
      const rows = await this.#rows(seq + 1, seq + stepJobs);
      await concurrently(
        await this.#stored(rows),
        async row => {
          await this.#copy(row);
          moved.artifacts++;
          moved.bytes += row.bytes ?? 0;
          done += row.bytes ?? 0;
          onProgress({ done, total, unit: 'bytes' });
          faultPoint('move:artifact-copied');
        },
        filesAtOnce,
      );
      await appendHistory(this.#postgres, await withRetries(this.#postgres, rows.map(toObjects)));
      faultPoint('move:appended');
    }
    const now = (what: string) => onProgress({ done, total, unit: 'bytes', what });
    now('receipts');
    const outcomes = await copyOutcomes(busLayout(from.busRoot), this.#journal, this.#objects);
    now('publication');
    await this.#options.publish();
    now('comparison');
    await this.#compare();
    mustBeSame((await this.#options.verify()).problems);
    const { inbox, claimed } = await countQueue(busLayout(from.busRoot));
    return {
      from: placeOf(from),
      to: placeOf(to),
      busId,
      lastSeq,
      jobs: lastSeq - before,
      ...moved,
      ...outcomes,
      waiting: inbox + claimed,
    };
  }

  /** Returns the rows of jobs from one seq to another, as one machine has them. */
  async #rows(first: number, last: number): Promise<JournalRow[]> {
    return [...(await this.#journal.jobsBetween(first, last)).values()].flat();
  }

  /** Returns those of these rows that are artifacts with a stored file. */
  async #stored(rows: readonly JournalRow[]): Promise<JournalRow[]> {
    const artifacts = rows.filter(isStored);
    const known = await this.#journal.findKeys(artifacts.map(({ artifact_key: key }) => key ?? ''));
    return artifacts.filter(({ artifact_key: key }) => known.get(key ?? '')?.gone === undefined);
  }

  /** Returns the last seq that an earlier run has moved. */
  async #beginning(): Promise<number> {
    const [head] = await this.#postgres.query<{ seq: number }>('SELECT seq FROM bus.head');
    const seq = head?.seq ?? 0;
    const [old] = await this.#rows(seq, seq);
    mustBeBeginning(placeOf(this.#options.to), seq, old, await rowAt(this.#postgres, seq));
    return seq;
  }

  async #copy(row: JournalRow): Promise<void> {
    const path = inFolder(join(this.#options.from.busRoot), row.rel_path ?? '');
    const key = toObjects(row).rel_path ?? '';
    const sha256 = row.sha256 ?? '';
    try {
      if ((await this.#objects.create(key, { path }, { sha256 })) === 'created') return;
    } catch (error) {
      if (!['ENOENT', 'CHECKSUM_MISMATCH'].includes((error as { code?: string }).code ?? '')) throw error;
      throw daemonError('FILE_DAMAGED', `${path} is missing, or is not what the journal says: ${row.artifact_key}.`, {
        cause: error,
      });
    }
    const there = await this.#objects.head(key); // an earlier run has copied it
    if ((there?.sha256 ?? (await hashObject(this.#objects, key, there?.bytes ?? 0))) !== sha256)
      throw daemonError('MOVE_MISMATCH', `The object ${key} has another content than its name says.`);
  }

  /** Compares every row. */
  async #compare(): Promise<void> {
    const { lastSeq } = this.#journal;
    for (let seq = 0; seq < lastSeq; seq += stepJobs * 10) {
      const [first, last] = [seq + 1, Math.min(seq + stepJobs * 10, lastSeq)];
      const rows = (await this.#rows(first, last)).map(toObjects);
      if (!isDeepStrictEqual(await rowsBetween(this.#postgres, first, last), rows))
        mustBeSame([{ code: 'CHANGED', what: 'journal', detail: `rows of the jobs ${first} to ${last} differ` }]);
    }
  }
}

/**
 * Adds the seq of the job that each job retries. A cluster distinguishes two jobs with the same id
 * and manifest by it. Here, that is the job before.
 */
async function withRetries(queries: Queries, rows: readonly JournalRow[]): Promise<HistoryRow[]> {
  const keyOf = (jobId: string, sha256: string | null) => `${jobId} ${sha256 ?? ''}`;
  const known = await queries.query<{ job_id: string; manifest_sha256: string; seq: number }>(
    'SELECT job_id, manifest_sha256, max(seq) AS seq FROM bus.jobs WHERE job_id = ANY($1) GROUP BY job_id, manifest_sha256',
    [[...new Set(rows.map(({ job_id }) => job_id))]],
  );
  const earlier = new Map(known.map(({ job_id, manifest_sha256, seq }) => [keyOf(job_id, manifest_sha256), seq]));
  const retryOf = new Map<number, number>();
  return rows.map(row => {
    const key = keyOf(row.job_id, row.manifest_sha256);
    if (!retryOf.has(row.seq)) {
      retryOf.set(row.seq, earlier.get(key) ?? 0);
      earlier.set(key, row.seq);
    }
    return { ...row, retry_of: retryOf.get(row.seq) ?? 0 };
  });
}
