import { damagedFile, hurtIn, lakeFiles, operatedTables } from '@quantbot/bus-cluster';
import type { Cluster } from '../cluster.js';

/** What an export reads. */
interface Reads {
  /** The canonical table that is exported, by its first name. */
  table?: string | undefined;
  /** The canonical tables that its SELECT reads; null: perhaps all. */
  reads: readonly string[] | null;
}

/**
 * Files of the lake that were compared with their checksums before an export read them. Nothing
 * changes such a file, so each is compared once.
 */
export class SoundFiles {
  #sound: ReadonlySet<string> = new Set();

  /** @throws DaemonError `FILE_DAMAGED`. */
  async mustBe({ postgres, objects, lake }: Cluster, { table, reads }: Reads): Promise<void> {
    const { root } = await lake();
    const { names } = await operatedTables(postgres);
    const files = await lakeFiles(postgres, root);
    const sound = new Set(files.flatMap(({ key }) => (this.#sound.has(key) ? [key] : [])));
    this.#sound = sound;
    for (const file of files) {
      const isRead =
        table === undefined
          ? reads === null || (file.table !== undefined && reads.includes(names.nameOf(file.table)))
          : file.table === table;
      if (!isRead || sound.has(file.key)) continue;
      const wrong = await hurtIn({ postgres, objects, root }, file, { trustsStore: true });
      if (wrong !== undefined) throw damagedFile(file.key, wrong);
      sound.add(file.key);
    }
  }
}
