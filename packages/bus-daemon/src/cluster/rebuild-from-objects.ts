import { Postgres, type RestoredJournal, restoreJournal } from '@quantbot/bus-cluster';
import { publishedSeq } from '@quantbot/bus-cluster/care';
import { daemonError, type OnProgress } from '@quantbot/bus-format';
import type { Logger } from '@quantbot/infra';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { rebuildLake } from './rebuild-lake.js';

/**
 * Rebuilds the database from the object store alone: the journal with its tables, then the lake. It
 * can be interrupted at any moment and run again. No daemon may run.
 *
 * @throws as `restoreJournal`; DaemonError `DATABASE_NOT_LOST` also if nothing is missing.
 */
export async function rebuildFromObjects(options: {
  config: BusConfig;
  configPath: string | undefined;
  cluster: ClusterConfig;
  logger: Logger;
  onProgress: OnProgress;
}): Promise<RestoredJournal> {
  const { cluster, configPath, onProgress } = options;
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const postgres = await Postgres.open((await lakeAddress(cluster)).postgres);
  let journal: RestoredJournal;
  try {
    journal = await restoreJournal(postgres, objects, onProgress);
  } finally {
    await postgres.close();
  }
  // An earlier run may have been interrupted before the lake was rebuilt.
  if (journal.restored === 0 && (await publishedSeq(configPath).catch(() => -1)) >= journal.lastSeq)
    throw daemonError(
      'DATABASE_NOT_LOST',
      `The database has all jobs that ${objects.url} has, up to seq ${journal.lastSeq}, and so has the lake.`,
    );
  await rebuildLake(options);
  return journal;
}
