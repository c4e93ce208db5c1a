import { changedTables, knownExports, pagesOf, removeExport } from '@quantbot/bus-cluster';
import { isReplaced } from '@quantbot/infra/config';
import type { Cluster } from '../cluster.js';
import { exportKey } from './golden-exports.js';

/**
 * Removes the exports of tables that were dropped or renamed: no table has their names any more. It
 * can be repeated at any time.
 *
 * @returns whether there were some.
 */
export async function removeLostExports(
  { postgres, objects, config }: Pick<Cluster, 'config' | 'objects' | 'postgres'>,
  publishedSeq: number,
): Promise<boolean> {
  const changed = await changedTables(postgres, publishedSeq);
  const isLost = (name: string) => changed.get(name)?.table === undefined && changed.has(name);
  const lost = (await knownExports(postgres)).filter(({ name }) => isLost(name) && !isReplaced(name, config.export));
  for (const { name } of lost) {
    await objects.remove([exportKey(name)]);
    for await (const page of pagesOf(objects, `exports/${name}/`)) await objects.remove(page.map(({ key }) => key));
    await removeExport(postgres, name);
  }
  return lost.length > 0;
}
