import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { keysWithRowsOnly, pagesOf } from '@quantbot/bus-cluster';
import { isDamage } from '@quantbot/bus-format';
import { literal, literalList } from '@quantbot/bus-format/sql';
import { writingMemoryMb } from '@quantbot/duckdb-process';
import type { Cluster } from './cluster.js';

const timeoutMs = 600_000;

/** Local files with the rows of some artifacts. */
interface Found {
  keys: ReadonlySet<string>;
  paths: string[];
  /** The keys of damaged files of the lake, which are left out. */
  damaged: string[];
}

type SalvagingCluster = Pick<Cluster, 'config' | 'fragmentWriter' | 'objects' | 'postgres' | 'workFolder'>;

/**
 * Finds rows of forgotten artifacts in the files of the lake. Once the bytes of an artifact are
 * gone, only these files have its rows, and a new lake takes them from there. They need not be
 * named by any lake. Close it to remove its local files.
 */
export class Salvage {
  readonly #cluster: SalvagingCluster;
  readonly #tables = new Map<string, Found>();
  readonly #folders: string[] = [];

  constructor(cluster: SalvagingCluster) {
    this.#cluster = cluster;
  }

  /** Returns local files that have the rows of these artifacts, perhaps more than once. */
  async filesOf(table: string, keys: readonly string[]): Promise<Pick<Found, 'paths' | 'damaged'>> {
    const known = this.#tables.get(table);
    if (known !== undefined && keys.every(key => known.keys.has(key))) return known;
    const found = await this.#search(table);
    this.#tables.set(table, found);
    return found;
  }

  /** Removes the local files. A later search finds them again. */
  close(): void {
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    this.#tables.clear();
  }

  async #search(table: string): Promise<Found> {
    const { config, fragmentWriter, objects, postgres, workFolder } = this.#cluster;
    const keys = await keysWithRowsOnly(postgres, table);
    const folder = join(workFolder, `salvage-${randomUUID()}`);
    this.#folders.push(folder);
    mkdirSync(folder, { recursive: true });
    const paths: string[] = [];
    const damaged: string[] = [];
    for await (const page of pagesOf(objects, `lake/${table}/`))
      for (const { key } of page) {
        const source = join(folder, 'source');
        if ((await objects.download(key, source)) === undefined) continue; // removed meanwhile
        const path = join(folder, `${paths.length}.parquet`);
        const writing = fragmentWriter.write(
          {
            task: 'copy',
            setup: [],
            sql: `SELECT * FROM read_parquet(${literal(source)}) WHERE _artifact_key IN (SELECT unnest(${literalList(keys)}))`,
            untrusted: false,
            readable: [],
            path,
            memoryMb: writingMemoryMb(config.limits),
            sources: [{ path: source, place: key }],
            file: { compression: 'zstd' },
          },
          timeoutMs,
        );
        const { rows } = await writing.catch(error => {
          if (!isDamage(error)) throw error;
          damaged.push(key);
          return { rows: 0 };
        });
        rmSync(source);
        if (rows > 0) paths.push(path);
        else rmSync(path, { force: true });
      }
    return { keys: new Set(keys), paths, damaged };
  }
}
