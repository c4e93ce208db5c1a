import { artifactsOfTable, type Queries } from '@quantbot/bus-cluster';
import type { CanonTable } from '@quantbot/bus-format/canon';
import type { ArtifactWithoutKey } from '../writer/bus.js';
import { firstWithNull, keyColumnsOf } from '../writer/null-keys.js';
import type { SeenKeys } from '../writer/seen-keys.js';
import { ArtifactsUnread, groupsOf, withLocalCopies } from './unread.js';

/**
 * Returns the first artifact of a table that has NULL in its key. It reads only the journal.
 *
 * @throws ArtifactsUnread
 */
export async function firstSeenWithoutKey(
  queries: Queries,
  table: CanonTable,
  seen: SeenKeys,
): Promise<ArtifactWithoutKey | undefined> {
  const key = keyColumnsOf(table);
  if (key.length === 0) return undefined;
  const [whole, nulls] = [seen.of(key), seen.nullsOf(key)];
  const unseen = await artifactsOfTable(queries, table, artifact => !whole.has(artifact));
  // The rows of forgotten artifacts leave a table with a key.
  const left = unseen.filter(({ isForgotten }) => !isForgotten);
  const found = left.find(({ artifact }) => nulls.has(artifact));
  if (found !== undefined) return { artifact: found.artifact, nulls: nulls.get(found.artifact) ?? [] };
  if (left.length === 0) return undefined;
  throw new ArtifactsUnread(async bus => {
    for (const group of groupsOf(left)) {
      const found = await withLocalCopies(bus, group, files => firstWithNull(bus, key, files));
      if (found !== undefined) return void nulls.set(found.artifact, found.nulls);
      for (const { artifact } of group) whole.add(artifact);
    }
  });
}
