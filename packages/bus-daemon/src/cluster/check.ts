import { storeObjectKey } from '@quantbot/infra/bus';
import { type CheckedJob, isRejected } from '../writer/job.js';
import { verify } from '../writer/stages/verify.js';
import type { Cluster, FetchedJob } from './cluster.js';

/** A verified job with the facts of its submission. */
export type CheckedFetch = CheckedJob & Omit<FetchedJob, 'error'>;

/**
 * In: jobs with local files. Out: the same jobs, verified as on one machine. Each artifact's place
 * in the store is the object that its producer named. A job that would delay the others goes to
 * `cluster.beside`.
 */
export async function check(cluster: Cluster, fetched: readonly FetchedJob[]): Promise<CheckedFetch[]> {
  const byClaim = new Map(fetched.map(job => [job.claim, job]));
  const bad = fetched.flatMap(job =>
    job.error === undefined ? [] : [{ ...job, manifest: undefined, manifestLength: 0, error: job.error }],
  );
  const verified = await verify(
    cluster,
    fetched.filter(({ error }) => error === undefined),
  );
  return [...bad, ...verified.map(job => asFetched(job, byClaim.get(job.claim) as FetchedJob))];
}

/** Returns a verified job with the facts of its submission. */
export function asFetched(job: CheckedJob, { error: _error, ...fetched }: FetchedJob): CheckedFetch {
  // The verified manifest has the names of the local copies.
  const checked = { ...fetched, ...job, manifestSha256: fetched.manifestSha256 };
  if (isRejected(checked)) return checked;
  const { run_id: runId, producer, kind } = checked.manifest;
  return {
    ...checked,
    artifacts: checked.artifacts.map(artifact => {
      const { kind: own = kind, artifact_id: artifactId } = artifact.entry;
      return { ...artifact, relPath: storeObjectKey({ runId, producer, kind: own, artifactId }, artifact.sha256) };
    }),
  };
}
