import { freshPlace, type Head } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { isRejected, type VerifiedArtifact } from '../writer/job.js';
import type { CheckedFetch } from './check.js';
import type { Cluster } from './cluster.js';

const uploadsAtOnce = 16;

/** Objects that a batch would name may be removed at any time. */
export class ObjectsCondemned extends Error {
  /** The artifacts that need new objects, by the condemned ones. */
  readonly artifacts: ReadonlyMap<string, VerifiedArtifact>;

  constructor(artifacts: ReadonlyMap<string, VerifiedArtifact>) {
    super('Objects of artifacts that would be committed may be removed at any time.');
    this.artifacts = artifacts;
  }
}

/**
 * New objects for artifacts of a batch whose own objects are condemned: those of forgotten
 * artifacts, and those that `gc` found before a job named them. A program may be about to remove
 * them, however long it was frozen. So the daemon that commits them stores its verified files under
 * keys that were never used.
 */
export class NewPlaces {
  readonly #cluster: Pick<Cluster, 'objects'>;
  readonly #jobs: readonly CheckedFetch[];
  /** The new objects, by the condemned ones. */
  readonly #uploaded = new Map<string, string>();

  constructor(cluster: Pick<Cluster, 'objects'>, jobs: readonly CheckedFetch[]) {
    this.#cluster = cluster;
    this.#jobs = jobs;
  }

  /** Returns the objects that a commit may name, with the new ones: `gc` may have found them. */
  objects(): string[] {
    return [...artifactsOf(this.#jobs).map(({ relPath }) => relPath), ...this.#uploaded.values()];
  }

  /**
   * Returns jobs and what the journal knows, with the new places. It is called under the lock, and
   * asks nobody.
   *
   * @throws ObjectsCondemned: upload these artifacts, and try again.
   */
  apply(
    { known, condemned }: Pick<Head, 'condemned' | 'known'>,
    jobs: readonly CheckedFetch[],
  ): { known: Head['known']; jobs: readonly CheckedFetch[] } {
    if (condemned.size === 0) return { known, jobs };
    const missing = new Map<string, VerifiedArtifact>();
    for (const artifact of artifactsOf(jobs)) {
      const object = objectOf(artifact, known);
      if (object !== undefined && condemned.has(object) && !this.#isUploaded(object, condemned))
        missing.set(object, artifact);
    }
    if (missing.size > 0) throw new ObjectsCondemned(missing);
    const placeOf = (object: string) => (condemned.has(object) ? (this.#uploaded.get(object) ?? object) : object);
    return {
      known: new Map([...known].map(([key, there]) => [key, { ...there, relPath: placeOf(there.relPath) }])),
      jobs: jobs.map(job =>
        isRejected(job)
          ? job
          : { ...job, artifacts: job.artifacts.map(each => ({ ...each, relPath: placeOf(each.relPath) })) },
      ),
    };
  }

  #isUploaded(object: string, condemned: ReadonlySet<string>): boolean {
    const place = this.#uploaded.get(object);
    return place !== undefined && !condemned.has(place);
  }

  /** Uploads these artifacts, from the files that the daemon has verified. */
  async upload(artifacts: ReadonlyMap<string, VerifiedArtifact>): Promise<void> {
    await concurrently(
      [...artifacts],
      async ([object, { relPath, file, sha256 }]) => {
        const place = freshPlace(relPath);
        await this.#cluster.objects.create(place, { path: file }, { sha256 });
        this.#uploaded.set(object, place);
      },
      uploadsAtOnce,
    );
  }
}

/**
 * Puts lost objects of duplicates back, if their keys have a mark: a producer can only put back the
 * object with the first key. If the artifact is forgotten meanwhile, `gc` removes the object.
 */
export async function putBack(
  { objects }: Pick<Cluster, 'objects'>,
  { job, rows }: { job: CheckedFetch; rows: readonly JournalRow[] },
): Promise<void> {
  for (const { status, artifact_key, rel_path, sha256 } of rows) {
    if (isRejected(job) || status !== 'duplicate' || rel_path === null) continue;
    const same = job.artifacts.find(artifact => artifact.key === artifact_key && artifact.sha256 === sha256);
    if (same !== undefined && same.relPath !== rel_path)
      await objects.create(rel_path, { path: same.file }, { sha256: same.sha256 });
  }
}

const artifactsOf = (jobs: readonly CheckedFetch[]): VerifiedArtifact[] =>
  jobs.flatMap(job => (isRejected(job) ? [] : job.artifacts));

/** Returns the object that the commit of an artifact would name; undefined if it names none. */
function objectOf({ key, relPath, sha256 }: VerifiedArtifact, known: Head['known']): string | undefined {
  const there = known.get(key);
  if (there === undefined) return relPath;
  return there.gone !== undefined && there.sha256 === sha256 ? there.relPath : undefined;
}
