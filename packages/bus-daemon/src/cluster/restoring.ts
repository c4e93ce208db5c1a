import { freshPlace, type Head } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import type { KnownArtifact } from '@quantbot/bus-format/journal';
import { isRejected, type VerifiedArtifact } from '../writer/job.js';
import type { CheckedFetch } from './check.js';
import type { Cluster } from './cluster.js';

const uploadsAtOnce = 16;
/** `gc` never removes younger objects, so a commit may name an object for that long. */
const freshMs = 1_800_000;

/** Forgotten artifacts come again, and their objects may be removed at any time. */
export class ObjectsCondemned extends Error {
  readonly artifacts: readonly VerifiedArtifact[];

  constructor(artifacts: readonly VerifiedArtifact[]) {
    super('Objects of forgotten artifacts that come again may be removed at any time.');
    this.artifacts = artifacts;
  }
}

/**
 * New objects for forgotten artifacts that a batch brings back. Their former objects are condemned:
 * a daemon may be about to remove them, however long it was frozen. So the daemon that commits them
 * stores its verified files under keys that were never used.
 */
export class NewPlaces {
  readonly #cluster: Pick<Cluster, 'objects'>;
  readonly #uploaded = new Map<string, { place: string; wall: number; steady: number }>();

  constructor(cluster: Pick<Cluster, 'objects'>) {
    this.#cluster = cluster;
  }

  /**
   * Returns what the journal knows, with the new places. It is called under the lock, and asks
   * nobody.
   *
   * @throws ObjectsCondemned: upload these artifacts, and try again.
   */
  apply({ known, condemned }: Pick<Head, 'condemned' | 'known'>, jobs: readonly CheckedFetch[]): Head['known'] {
    if (condemned.size === 0) return known;
    const places = new Map<string, KnownArtifact>(known);
    const missing = new Map<string, VerifiedArtifact>();
    for (const artifact of jobs.flatMap(job => (isRejected(job) ? [] : job.artifacts))) {
      const there = known.get(artifact.key);
      if (there === undefined || !condemned.has(artifact.key) || there.sha256 !== artifact.sha256) continue;
      const relPath = this.#placeOf(artifact.key);
      if (relPath === undefined) missing.set(artifact.key, artifact);
      else places.set(artifact.key, { ...there, relPath });
    }
    if (missing.size > 0) throw new ObjectsCondemned([...missing.values()]);
    return places;
  }

  /** Uploads these artifacts, from the files that the daemon has verified. */
  async upload(artifacts: readonly VerifiedArtifact[]): Promise<void> {
    const began = { wall: Date.now(), steady: performance.now() };
    await concurrently(
      artifacts,
      async ({ key, relPath, file, sha256 }) => {
        const place = freshPlace(relPath);
        await this.#cluster.objects.create(place, { path: file }, { sha256 });
        this.#uploaded.set(key, { place, ...began });
      },
      uploadsAtOnce,
    );
  }

  /** A daemon that was frozen for long uploads again: `gc` may have removed the object. */
  #placeOf(key: string): string | undefined {
    const { place, wall, steady } = this.#uploaded.get(key) ?? {};
    if (wall === undefined || steady === undefined) return undefined;
    return Math.max(Date.now() - wall, performance.now() - steady) < freshMs ? place : undefined;
  }
}
