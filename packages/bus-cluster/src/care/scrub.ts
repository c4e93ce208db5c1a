import {
  nextPass,
  Pass,
  type ScrubbedArtifact,
  type ScrubbedBus,
  type ScrubbedFile,
  type ScrubOptions,
} from '@quantbot/bus-care/scrub';
import type { ScrubState } from '@quantbot/bus-format/state';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import type { Pace } from '@quantbot/infra/files';
import { openObjects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { writeAgain } from '../archive.js';
import { compareArtifact } from '../compare-object.js';
import { forgottenAmong } from '../forgotten.js';
import { readableUpTo, rowsBetween } from '../journal.js';
import type { ClusterPlaces } from '../lake/lake-files.js';
import { mustBeCurrent } from '../migrate.js';
import { busIdOf } from '../objects-of-bus.js';
import { artifactsOfObjects, atTheirPlaces, type StoredRow } from '../places.js';
import { Postgres } from '../postgres/postgres.js';
import { noteUnsettled } from '../settling.js';
import { HeldScrub, readClusterScrub } from '../upkeep.js';
import { type ArchiveProblem, compareArchive } from './compare-archive.js';
import { type ComparedOutcome, compareNamedOutcomes, compareOutcomes } from './compare-outcomes.js';
import { listOwnObjects } from './own-objects.js';

/** The journal is read in steps of this many jobs, so that memory stays bounded. */
const stepJobs = 1000;

/**
 * Reads every object of a cluster at a bounded rate, and compares it with its checksum: the marker,
 * the journal, files of the lake, golden exports, outcomes of jobs, then stored artifacts. It
 * continues an interrupted pass, or begins a new one. Objects that were damaged before come first,
 * so that repaired ones are forgotten. It writes damaged objects of the journal again. The daemon
 * that publishes then writes outcomes of jobs again that differ from the journal. The scrub's place
 * and findings are in PostgreSQL.
 *
 * @returns the state at the end of the pass.
 * @throws DaemonError `SCRUB_BUSY` while another process scrubs the cluster,
 * `POSTGRES_UNREACHABLE`, `CLUSTER_OLDER`, `CLUSTER_NEWER`; BusError of the object store.
 */
export const scrubCluster = (cluster: ClusterConfig, { pace, ...listeners }: ScrubOptions): Promise<ScrubState> =>
  withObjects(cluster, pace, (bus, state) => new Pass(bus, nextPass(state), listeners).run());

/**
 * Compares again what earlier scrubs found damaged, and forgets what is sound again.
 *
 * @throws as {@link scrubCluster}.
 */
export const forgetMendedObjects = (cluster: ClusterConfig, pace: Pace): Promise<void> =>
  withObjects(cluster, pace, async (bus, state) => {
    if (state !== undefined) await new Pass(bus, state).forget(state.findings.map(({ what }) => what));
  });

async function withObjects<T>(
  cluster: ClusterConfig,
  pace: Pace,
  work: (bus: ScrubbedBus, state: ScrubState | undefined) => Promise<T>,
): Promise<T> {
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const { postgres: url, root } = await lakeAddress(cluster);
  const postgres = await Postgres.open(url, { connections: 2 });
  try {
    await mustBeCurrent(postgres);
    const held = await HeldScrub.hold(postgres);
    try {
      return await work(new ObjectsOfBus({ postgres, objects, root }, held, pace), await readClusterScrub(postgres));
    } finally {
      await held.release();
    }
  } finally {
    await postgres.close();
  }
}

/** The objects of a cluster. */
class ObjectsOfBus implements ScrubbedBus {
  readonly #places: ClusterPlaces & { postgres: Postgres };
  readonly #held: HeldScrub;
  readonly #pace: Pace;

  constructor(places: ClusterPlaces & { postgres: Postgres }, held: HeldScrub, pace: Pace) {
    this.#places = places;
    this.#held = held;
    this.#pace = pace;
  }

  async ownFiles(among?: readonly string[]): Promise<ScrubbedFile[]> {
    const own = (await listOwnObjects(this.#places)).map(({ what, bytes, check }) => ({
      what,
      bytes,
      check: () => check({ pace: this.#pace }),
    }));
    const needsArchive = among === undefined || among.some(what => what.startsWith('journal/'));
    return needsArchive ? [...own, ...(await this.#hurtArchive())] : own;
  }

  /** Reads the whole journal in the bucket. */
  async #hurtArchive(): Promise<ScrubbedFile[]> {
    const { postgres, objects } = this.#places;
    const hurt = await compareArchive(postgres, objects);
    await this.#mendArchive(hurt);
    return hurt.map(({ what, detail }) => ({
      what,
      bytes: 0,
      check: async () => ({ code: 'JOURNAL_DAMAGED' as const, what, detail }),
    }));
  }

  /**
   * Writes objects of the journal again. If one differs otherwise, it does not: the database may be
   * that of another bus, or was set back.
   */
  async #mendArchive(hurt: readonly ArchiveProblem[]): Promise<void> {
    const lost = hurt.flatMap(problem => problem.lost ?? []);
    if (lost.length === 0 || lost.length < hurt.length) return;
    const { postgres, objects } = this.#places;
    const [head] = await postgres.query<{ busId: string }>('SELECT bus_id AS "busId" FROM bus.head');
    if ((await busIdOf(objects).catch(() => undefined)) !== head?.busId) return;
    for (const jobs of lost) await writeAgain(postgres, objects, jobs);
  }

  async storedBytes(): Promise<number> {
    const [row] = await this.#places.postgres.query<{ bytes: number }>(
      `SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM bus.journal WHERE status = 'ingested'`,
    );
    return row?.bytes ?? 0;
  }

  async *outcomesAfter(after: string): AsyncGenerator<ScrubbedFile> {
    for await (const outcome of compareOutcomes(this.#places, { pace: this.#pace, after }))
      yield this.#outcome(outcome);
  }

  async *artifactsAfter({ seq, ordinal }: { seq: number; ordinal: number }): AsyncGenerator<ScrubbedArtifact> {
    const { postgres } = this.#places;
    const [{ lastSeq } = { lastSeq: 0 }] = await postgres.query<{ lastSeq: number }>(
      'SELECT seq AS "lastSeq" FROM bus.head',
    );
    for (let after = Math.max(0, seq - 1), upTo = 0; after < lastSeq; after = upTo) {
      upTo = await readableUpTo(postgres, after, Math.min(after + stepJobs, lastSeq));
      const rows = (await rowsBetween(postgres, after + 1, upTo)).filter(({ status }) => status === 'ingested');
      for (const row of await atTheirPlaces(postgres, rows))
        if (row.seq > seq || (row.seq === seq && row.ordinal > ordinal)) yield this.#artifact(row);
    }
  }

  async *named(whats: readonly string[]): AsyncGenerator<ScrubbedFile> {
    for (const row of await artifactsOfObjects(this.#places.postgres, whats))
      if (whats.includes(row.rel_path ?? '')) yield this.#artifact(row);
    for (const outcome of await compareNamedOutcomes(this.#places, whats)) yield this.#outcome(outcome);
  }

  save(state: ScrubState): Promise<void> {
    return this.#held.write(state);
  }

  #outcome({ what, bytes, hurt }: ComparedOutcome): ScrubbedFile {
    const check = async () => {
      if (hurt === undefined) return undefined;
      const { seq, ...problem } = hurt;
      if (seq !== undefined) await noteUnsettled(this.#places.postgres, [seq]);
      return problem;
    };
    return { what, bytes, check };
  }

  #artifact(row: StoredRow): ScrubbedArtifact {
    const { postgres, objects } = this.#places;
    const check = async () => {
      const key = row.artifact_key ?? '';
      const isForgotten = (await forgottenAmong(postgres, [key])).has(key);
      return isForgotten ? undefined : compareArtifact(objects, row, { pace: this.#pace });
    };
    return { what: row.rel_path ?? '', bytes: row.bytes ?? 0, seq: row.seq, ordinal: row.ordinal, check };
  }
}
