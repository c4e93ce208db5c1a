import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredArtifact } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import type { Cluster } from './cluster.js';

/** What reading artifacts for an operation needs of a cluster. */
export type ReadingBus = Pick<
  Cluster,
  'config' | 'fragmentWriter' | 'inspector' | 'objects' | 'postgres' | 'workFolder'
>;

/**
 * Artifacts have to be read before an operation on their table can be decided. A decision under the
 * lock of the commit throws it: read them, and decide again.
 */
export class ArtifactsUnread extends Error {
  /** Reads them, and notes what it finds. */
  readonly read: (bus: ReadingBus) => Promise<void>;

  constructor(read: (bus: ReadingBus) => Promise<void>) {
    super('Artifacts have not been read for an operation on their table.');
    this.read = read;
  }
}

/** The number of files that are on this host at once. */
const filesAtOnce = 64;

/** Splits artifacts into groups of which each can be on this host at once. */
export const groupsOf = <Artifact>(artifacts: readonly Artifact[]): Artifact[][] =>
  Array.from({ length: Math.ceil(artifacts.length / filesAtOnce) }, (_, index) =>
    artifacts.slice(index * filesAtOnce, (index + 1) * filesAtOnce),
  );

/** Calls `work` with local copies of those of these artifacts that have an object. */
export async function withLocalCopies<Artifact extends Pick<StoredArtifact, 'relPath'>, Result>(
  { objects, workFolder }: Pick<Cluster, 'objects' | 'workFolder'>,
  artifacts: readonly Artifact[],
  work: (files: (Artifact & { path: string })[]) => Promise<Result>,
): Promise<Result> {
  const folder = join(workFolder, `read-${randomUUID()}`);
  mkdirSync(folder, { recursive: true });
  try {
    const files = await concurrently([...artifacts.entries()], async ([index, artifact]) => {
      const path = join(folder, `${index}.parquet`);
      return (await objects.download(artifact.relPath, path)) === undefined ? [] : [{ ...artifact, path }];
    });
    return await work(files.flat());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
