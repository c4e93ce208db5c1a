import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { JournalArchive, type MergeFiles } from '@quantbot/bus-cluster';
import { usualMemoryMb, type WorkerProcess, writingMemoryMb } from '@quantbot/duckdb-process';
import type { Cluster } from './cluster.js';

const timeoutMs = 600_000;

/** The copy of the journal in the object store, which the publisher writes and folds. */
export class JournalObjects {
  readonly #cluster: Cluster;
  readonly #worker: WorkerProcess;
  #archive: JournalArchive | undefined;
  #folding: Promise<void> | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#worker = cluster.inspector.another('journal');
  }

  /**
   * Writes the rows of all jobs up to a seq that are not there yet.
   *
   * @returns the last job up to which all jobs are there.
   * @throws DaemonError `CLUSTER_BEHIND`.
   */
  async advance(upTo: number): Promise<number> {
    const { postgres, objects } = this.#cluster;
    this.#archive ??= await JournalArchive.open(postgres, objects);
    await this.#archive.advance(upTo);
    return this.#archive.seq;
  }

  /** Begins to fold small objects into larger ones, unless that is in progress. */
  foldBeside(): void {
    this.#folding ??= this.#fold()
      .catch(error => this.#cluster.logger.error({ err: error }, 'objects of the journal could not be folded'))
      .finally(() => {
        this.#folding = undefined;
      });
  }

  /** Makes the next call list the objects again: another daemon may have written some. */
  forget(): void {
    this.#archive = undefined;
  }

  async close(): Promise<void> {
    this.#worker.close();
    await this.#folding;
  }

  async #fold(): Promise<void> {
    const folder = join(this.#cluster.workFolder, `journal-${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    try {
      await this.#archive?.fold(this.#merge, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #merge: MergeFiles = async (sql, sources, { path, place }) => {
    await this.#worker.request(
      {
        task: 'copy',
        setup: [],
        sql,
        untrusted: false,
        readable: [],
        path,
        file: { compression: 'zstd', readBack: true, seal: { place } },
        sources,
        memoryMb: Math.min(usualMemoryMb, writingMemoryMb(this.#cluster.config.limits)),
      },
      timeoutMs,
    );
  };
}
