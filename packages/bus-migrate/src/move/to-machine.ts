import { chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { VerifyReport } from '@quantbot/bus-care/verify';
import {
  atTheirPlaces,
  countMembers,
  forgottenAmong,
  historyBetween,
  keysWithRowsOnly,
  leasesUnseen,
  mustBeCurrent,
  openBusObjects,
  operatedTables,
  Postgres,
  type Queries,
  rowsBetween,
  tablesAt,
} from '@quantbot/bus-cluster';
import { concurrently, daemonError, type OnProgress } from '@quantbot/bus-format';
import { commitFile, Journal, type JournalRow, placeIn, segmentName } from '@quantbot/bus-format/journal';
import { acquireWriterLock } from '@quantbot/bus-format/state';
import { initBusRoot } from '@quantbot/infra';
import { type BusLayout, busLayout, newMarkerText, readBusMarker } from '@quantbot/infra/bus';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import {
  createFileDurable,
  digestFile,
  exists,
  faultPoint,
  fileNames,
  inFolder,
  makeFolderDurable,
  replaceFileDurable,
  writeFileDurable,
} from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { checkTables, mustBeBeginning, mustHaveBytes, rowAt } from './checks.js';
import { isStored, toFiles } from './map-rows.js';
import { copyOutcomes } from './outcomes-to-machine.js';
import { type MoveReport, mustBeSame, placeOf } from './report.js';

/** The number of jobs per segment of the journal. It is written after their artifacts. */
const stepJobs = 2000;
const filesAtOnce = 8;

/** A move from a cluster to one machine. */
export interface MoveToMachine {
  from: BusConfig & { cluster: ClusterConfig };
  to: BusConfig;
  /** Rebuilds canonical tables and the database from journal and store. */
  rebuild(): Promise<unknown>;
  verify(): Promise<VerifyReport>;
  onProgress: OnProgress;
}

/**
 * Moves a bus from a cluster to one machine, row for row. Changes nothing in the cluster, whose
 * daemons must not run. It can be interrupted at any moment and run again.
 *
 * @throws DaemonError `MOVE_SOURCE_RUNS`, `MOVE_TARGET_TAKEN`, `MOVE_MISMATCH`, `FILE_DAMAGED`,
 * `LOCK_TIMEOUT`, `CLUSTER_UNSUPPORTED`; BusError `CONFIG_INVALID`.
 */
export async function moveToMachine(options: MoveToMachine): Promise<MoveReport> {
  const { cluster } = options.from;
  const postgres = await Postgres.open((await lakeAddress(cluster)).postgres);
  try {
    await mustBeCurrent(postgres);
    const running = await countMembers(postgres, cluster.leaseS * leasesUnseen);
    if (running > 0) throw daemonError('MOVE_SOURCE_RUNS', `${running} daemons of the cluster were seen a moment ago.`);
    const [head] = await postgres.query<{ seq: number; busId: string }>('SELECT seq, bus_id AS "busId" FROM bus.head');
    const { seq, busId } = head ?? { seq: 0, busId: '' };
    const objects = await openBusObjects(withVariables(cluster.objects), cluster.s3, busId);
    await mustHaveStoredRows(postgres, seq, options.from);
    await checkTables(declared => tablesAt(postgres, seq, declared), options.from, options.to);
    const moved = await new Move(options, postgres, objects).run(busId, seq);
    await options.rebuild();
    mustBeSame((await options.verify()).problems);
    const waiting = (await objects.list('inbox/')).length;
    return { from: placeOf(options.from), to: placeOf(options.to), busId, lastSeq: seq, ...moved, waiting };
  } finally {
    await postgres.close();
  }
}

/** @throws DaemonError `CLUSTER_UNSUPPORTED`, see {@link mustHaveBytes}. */
async function mustHaveStoredRows(queries: Queries, seq: number, { canon }: BusConfig): Promise<void> {
  const withoutBytes: string[] = [];
  for (const { name } of (await tablesAt(queries, seq, canon.tables)).tables())
    if ((await keysWithRowsOnly(queries, name)).length > 0) withoutBytes.push(name);
  mustHaveBytes(withoutBytes, await operatedTables(queries));
}

type Moved = Pick<MoveReport, 'jobs' | 'artifacts' | 'bytes' | 'receipts' | 'rejected'>;

class Move {
  readonly #options: MoveToMachine;
  readonly #postgres: Postgres;
  readonly #objects: Objects;
  readonly #layout: BusLayout;

  constructor(options: MoveToMachine, postgres: Postgres, objects: Objects) {
    this.#options = options;
    this.#postgres = postgres;
    this.#objects = objects;
    this.#layout = busLayout(options.to.busRoot);
  }

  async run(busId: string, lastSeq: number): Promise<Moved> {
    const lock = await acquireWriterLock(this.#options.to);
    try {
      await this.#begin(busId);
      const journal = await Journal.open(this.#layout);
      try {
        const before = await this.#beginning(journal);
        const moved = { artifacts: 0, bytes: 0 };
        for (let seq = before; seq < lastSeq; seq += stepJobs)
          await this.#moveJobs(seq + 1, Math.min(seq + stepJobs, lastSeq), lastSeq, moved);
        const now = (what: string) => this.#options.onProgress({ done: lastSeq, total: lastSeq, unit: 'jobs', what });
        now('receipts');
        const outcomes = await copyOutcomes(this.#postgres, this.#objects, this.#layout);
        now('comparison');
        await journal.reload();
        await this.#compare(journal, lastSeq);
        return { jobs: lastSeq - before, ...moved, ...outcomes };
      } finally {
        journal.close();
      }
    } finally {
      await lock.release();
    }
  }

  /** Creates the folders. A new bus gets the id of the cluster. */
  async #begin(busId: string): Promise<void> {
    const { root, journal } = this.#layout;
    if ((await readBusMarker(root)) === undefined)
      await createFileDurable(join(journal, fileNames.marker), newMarkerText(busId)); // the marker is restored from it
    await initBusRoot(root);
  }

  /** Returns the last seq that an earlier run has moved. */
  async #beginning(journal: Journal): Promise<number> {
    const { lastSeq } = journal;
    const [there] = [...(await journal.jobsBetween(lastSeq, lastSeq)).values()].flat();
    mustBeBeginning(this.#layout.root, lastSeq, await rowAt(this.#postgres, lastSeq), there);
    if (journal.hotCommits.length > 0)
      throw daemonError('MOVE_TARGET_TAKEN', `${this.#layout.root} is in use: its daemon has committed jobs.`);
    return lastSeq;
  }

  async #moveJobs(first: number, last: number, total: number, moved: { artifacts: number; bytes: number }) {
    const rows = await historyBetween(this.#postgres, first, last);
    await concurrently(
      await this.#stored(rows),
      async row => {
        await this.#copy(row);
        moved.artifacts++;
        moved.bytes += row.bytes ?? 0;
        this.#options.onProgress({ done: row.seq, total, unit: 'jobs' });
        faultPoint('move:artifact-copied');
      },
      filesAtOnce,
    );
    const segment = join(this.#layout.segments, segmentName(first, last));
    const file = commitFile(
      rows.map(({ retry_of: _, ...row }) => toFiles(row)),
      placeIn(this.#layout, segment),
    );
    await writeFileDurable(segment, file, 0o444);
    faultPoint('move:appended');
  }

  /** Returns those of these rows that are artifacts with an object, each with its key. */
  async #stored(rows: readonly JournalRow[]): Promise<JournalRow[]> {
    const artifacts = rows.filter(isStored);
    const keyOf = ({ artifact_key: key }: JournalRow) => key ?? '';
    const gone = await forgottenAmong(this.#postgres, artifacts.map(keyOf));
    return atTheirPlaces(
      this.#postgres,
      artifacts.filter(row => !gone.has(keyOf(row))),
    );
  }

  async #copy(row: JournalRow): Promise<void> {
    const key = row.rel_path ?? '';
    const target = inFolder(this.#layout.root, toFiles(row).rel_path ?? '');
    if ((await exists(target)) && (await digestFile(target)).sha256 === row.sha256) return; // of an earlier run
    await makeFolderDurable(dirname(target));
    await replaceFileDurable(target, async temporary => {
      const got = await this.#objects.download(key, temporary);
      if (got?.sha256 !== row.sha256)
        throw daemonError('FILE_DAMAGED', `The object ${key} is missing, or is not what the journal says.`);
      await chmod(temporary, 0o444);
    });
  }

  /** Compares every row. */
  async #compare(journal: Journal, lastSeq: number): Promise<void> {
    for (let seq = 0; seq < lastSeq; seq += stepJobs) {
      const [first, last] = [seq + 1, Math.min(seq + stepJobs, lastSeq)];
      const rows = [...(await journal.jobsBetween(first, last)).values()].flat();
      if (!isDeepStrictEqual(rows, (await rowsBetween(this.#postgres, first, last)).map(toFiles)))
        mustBeSame([
          { code: 'JOURNAL_DAMAGED', what: 'journal', detail: `rows of the jobs ${first} to ${last} differ` },
        ]);
    }
  }
}
