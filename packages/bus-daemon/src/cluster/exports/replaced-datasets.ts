import { knownExports, pagesOf } from '@quantbot/bus-cluster';
import type { Cluster } from '../cluster.js';

/**
 * Removes the folders of datasets that were replaced, or that an attempt has left. Readers may
 * still look for them, so they stay for the grace period, counted from when this daemon first saw
 * them.
 */
export class ReplacedDatasets {
  readonly #cluster: Pick<Cluster, 'config' | 'logger' | 'objects' | 'postgres'>;
  /** Exports that may have such folders; undefined until the first look. */
  #names: Set<string> | undefined;
  /** When such a folder was first seen (monotonic, milliseconds), by its key. */
  readonly #seen = new Map<string, number>();
  #nextMs = 0;

  constructor(cluster: Pick<Cluster, 'config' | 'logger' | 'objects' | 'postgres'>) {
    this.#cluster = cluster;
  }

  /** Notes that an export was written, which may have replaced a folder. */
  add(name: string): void {
    this.#names?.add(name);
  }

  /** Whether it is time to look again. */
  get isDue(): boolean {
    return this.#names?.size !== 0 && performance.now() >= this.#nextMs;
  }

  /** Removes what has stayed for long enough. */
  async remove(): Promise<void> {
    const { config, logger, objects, postgres } = this.#cluster;
    const { releaseGraceMs } = config.compaction;
    try {
      this.#names ??= new Set((await knownExports(postgres)).flatMap(one => (one.folder === null ? [] : [one.name])));
      const folders = new Map<string, Map<string, string[]>>();
      for (const name of this.#names) folders.set(name, await this.#foldersOf(name));
      // After the lists: only an open attempt can still make a listed folder the current one.
      const known = new Map((await knownExports(postgres)).map(one => [one.name, one]));
      for (const [name, keys] of folders) {
        const there = known.get(name);
        if (there?.isOpen) continue;
        const replaced = [...keys].filter(([folder]) => there?.folder?.startsWith(folder) !== true);
        for (const [folder, own] of replaced) {
          const seen = this.#seen.get(folder) ?? performance.now();
          this.#seen.set(folder, seen);
          if (performance.now() - seen < releaseGraceMs) continue;
          await objects.remove(own);
          this.#seen.delete(folder);
          keys.delete(folder);
        }
        if (replaced.every(([folder]) => !keys.has(folder))) this.#names.delete(name);
      }
    } catch (error) {
      logger.warn({ err: error }, 'files of replaced datasets could not be removed; they are tried again');
    } finally {
      this.#nextMs = performance.now() + Math.max(1000, releaseGraceMs);
    }
  }

  /** Returns the keys of the objects in each folder of a dataset: `exports/NAME/TAG/`. */
  async #foldersOf(name: string): Promise<Map<string, string[]>> {
    const folders = new Map<string, string[]>();
    for await (const page of pagesOf(this.#cluster.objects, `exports/${name}/`))
      for (const { key } of page) {
        const folder = `${key.split('/').slice(0, 3).join('/')}/`;
        const own = folders.get(folder) ?? [];
        own.push(key);
        folders.set(folder, own);
      }
    return folders;
  }
}
