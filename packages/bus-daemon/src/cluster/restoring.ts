import type { Head } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import { isRejected, type VerifiedArtifact } from '../writer/job.js';
import type { CheckedFetch } from './check.js';
import type { Cluster } from './cluster.js';

/** Objects of forgotten artifacts that jobs bring back, and that are removed already. */
export class ObjectsRemoved extends Error {
  readonly artifacts: readonly VerifiedArtifact[];

  constructor(artifacts: readonly VerifiedArtifact[]) {
    super('Objects of forgotten artifacts were removed before they came again.');
    this.artifacts = artifacts;
  }
}

/**
 * Checks under the lock that the objects of forgotten artifacts that come again are there. Objects
 * are removed only under the same lock.
 *
 * @throws ObjectsRemoved
 */
export async function mustBeThere(
  { objects }: Pick<Cluster, 'objects'>,
  jobs: readonly CheckedFetch[],
  known: Head['known'],
): Promise<void> {
  const coming = jobs
    .flatMap(job => (isRejected(job) ? [] : job.artifacts))
    .filter(({ key, sha256 }) => known.get(key)?.gone !== undefined && known.get(key)?.sha256 === sha256);
  const found = await concurrently(coming, async artifact => ({
    artifact,
    head: await objects.head(artifact.relPath),
  }));
  const missing = found.filter(({ head }) => head === undefined).map(({ artifact }) => artifact);
  if (missing.length > 0) throw new ObjectsRemoved(missing);
}

/** Uploads these artifacts again, from the files that the daemon has verified. */
export async function uploadAgain(
  { objects }: Pick<Cluster, 'objects'>,
  artifacts: readonly VerifiedArtifact[],
): Promise<void> {
  for (const { relPath, file, sha256 } of artifacts) await objects.create(relPath, { path: file }, { sha256 });
}
