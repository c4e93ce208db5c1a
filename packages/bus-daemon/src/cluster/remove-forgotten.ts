import { condemn, dropOldFiles, nextRemoval, noteRemoved, removeCondemned } from '@quantbot/bus-cluster';
import { SubmittedObjects } from '@quantbot/bus-cluster/care';
import { BusError } from '@quantbot/infra';
import type { OpenLake } from '@quantbot/storage/lake';
import type { Cluster } from './cluster.js';

/**
 * Removes the bytes of forgotten artifacts that readers know to be forgotten, and files of the lake
 * that still have rows which left it. Both stay for a grace period. Safe to run again from any
 * point: the journal says what is forgotten.
 *
 * @param options.publishedSeq readers see the jobs up to this one.
 */
export async function removeForgottenBytes(
  { postgres, objects, logger }: Pick<Cluster, 'logger' | 'objects' | 'postgres'>,
  lake: Pick<OpenLake, 'connection'>,
  { publishedSeq, graceMs }: { publishedSeq: number; graceMs: number },
): Promise<void> {
  const removal = await nextRemoval(postgres, { upTo: publishedSeq, graceMs });
  if (removal === undefined) return;
  const { due, upTo } = removal;
  const condemned = await condemn(postgres, due);
  const submitted = new SubmittedObjects(objects);
  if (condemned.length > 0) await submitted.look();
  // A waiting job is about to restore one of them, and the daemons still have to read it.
  const free = condemned.filter(key => !submitted.has(key));
  try {
    await removeCondemned(objects, free);
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    // The store refuses or is away. What was published stays published.
    logger.error({ err: error }, 'the bytes of forgotten artifacts cannot be removed; it is tried again');
    return;
  }
  if (free.length < condemned.length) return;
  const hasErased = due.some(({ status }) => status === 'erased');
  if (hasErased && !(await dropOldFiles(lake, graceMs))) return; // their own grace has not passed
  if (free.length > 0) logger.info({ objects: free.length }, 'the bytes of forgotten artifacts are removed');
  await noteRemoved(postgres, upTo);
}
