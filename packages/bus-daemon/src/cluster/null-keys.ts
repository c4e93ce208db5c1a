import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Queries, type StoredArtifact, storedArtifactsOf } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import type { CanonTable } from '@quantbot/bus-format/canon';
import type { ArtifactWithoutKey } from '../writer/bus.js';
import { type ArtifactFile, firstWithNull, keyColumnsOf } from '../writer/null-keys.js';
import type { SeenKeys } from '../writer/seen-keys.js';
import type { Cluster } from './cluster.js';

/** The number of files that are on this host at once. */
const filesAtOnce = 64;

/** Artifacts have to be read for NULL in the key of their table before the key can be decided. */
export class KeysUnread extends Error {
  readonly table: CanonTable;
  readonly artifacts: readonly StoredArtifact[];
  readonly seen: SeenKeys;

  constructor(table: CanonTable, artifacts: readonly StoredArtifact[], seen: SeenKeys) {
    super('Artifacts have not been read for NULL in the key of their table.');
    this.table = table;
    this.artifacts = artifacts;
    this.seen = seen;
  }
}

/**
 * Returns the first artifact of a table that has NULL in its key. It reads only the journal.
 *
 * @throws KeysUnread: read these artifacts, and ask again.
 */
export async function firstSeenWithoutKey(
  queries: Queries,
  table: CanonTable,
  seen: SeenKeys,
): Promise<ArtifactWithoutKey | undefined> {
  const key = keyColumnsOf(table);
  if (key.length === 0) return undefined;
  const [whole, nulls] = [seen.of(key), seen.nullsOf(key)];
  const left = await storedArtifactsOf(queries, table, artifact => !whole.has(artifact));
  const found = left.find(({ artifact }) => nulls.has(artifact));
  if (found !== undefined) return { artifact: found.artifact, nulls: nulls.get(found.artifact) ?? [] };
  if (left.length > 0) throw new KeysUnread(table, left, seen);
  return undefined;
}

/** Reads artifacts for NULL in the key of their table, and notes what it finds. */
export async function readKeys(
  { config, inspector, objects, workFolder }: Pick<Cluster, 'config' | 'inspector' | 'objects' | 'workFolder'>,
  { table, artifacts, seen }: KeysUnread,
): Promise<void> {
  const key = keyColumnsOf(table);
  for (let start = 0; start < artifacts.length; start += filesAtOnce) {
    const group = artifacts.slice(start, start + filesAtOnce);
    const folder = join(workFolder, `keys-${randomUUID()}`);
    mkdirSync(folder, { recursive: true });
    try {
      const files = await concurrently([...group.entries()], async ([index, artifact]): Promise<ArtifactFile[]> => {
        const { relPath, ...of } = artifact;
        const path = join(folder, `${index}.parquet`);
        return (await objects.download(relPath, path)) === undefined ? [] : [{ ...of, path }];
      });
      const found = await firstWithNull({ config, inspector }, key, files.flat());
      if (found !== undefined) return void seen.nullsOf(key).set(found.artifact, found.nulls);
      for (const { artifact } of group) seen.of(key).add(artifact);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
