import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exportRequests, noteExport, noteFailedExport } from '@quantbot/bus-cluster';
import { version } from '@quantbot/bus-format/version';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import { type Backoff, waitAfter } from '@quantbot/infra';
import { attachStatements } from '@quantbot/storage/lake';
import { foldersOfCluster } from '@quantbot/storage/sandbox';
import type { ExportState } from '../writer/exports/export-state.js';
import { orderOf } from '../writer/exports/golden-export.js';
import type { Cluster } from './cluster.js';
import {
  type ClusterExport,
  clusterExports,
  exportKey,
  isAskedFor,
  isBehind,
  isForced,
  stateOf,
} from './golden-exports.js';

const backoff: Backoff = { firstMs: 1000, maxMs: 60_000 };

/**
 * Writes golden exports to `exports/<name>.parquet` in the object store. The daemon that publishes
 * does it, beside ingestion and one after another. Each object is replaced as a whole.
 */
export class ClusterExports {
  readonly #cluster: Cluster;
  readonly #worker: WorkerProcess;
  readonly #onEnd: () => void;
  #running: Promise<void> | undefined;
  #notBefore = 0;
  #failures = 0;
  /** Up to this published job all exports are written. An empty bus has none. */
  #doneSeq = 0;
  /** Up to this published job all exports were tried. */
  #triedSeq = 0;
  /** Up to this published job requests of operators were looked at. */
  #lookedSeq = -1;

  constructor(cluster: Cluster, onEnd: () => void) {
    this.#cluster = cluster;
    this.#worker = cluster.fragmentWriter.another('export');
    this.#onEnd = onEnd;
  }

  /**
   * Begins to write what is behind, unless that is under way or was just done.
   *
   * @param options.isLast nothing comes after it: no interval needs to pass.
   */
  advance(publishedSeq: number, { isLast }: { isLast: boolean }): void {
    if (!this.#cluster.config.export.enabled || this.#running !== undefined || publishedSeq <= this.#doneSeq) return;
    if (isLast && publishedSeq <= this.#triedSeq) return;
    const isEarly = !isLast && performance.now() < this.#notBefore;
    if (isEarly && publishedSeq <= this.#lookedSeq) return;
    this.#running = this.#writeAll(publishedSeq, isEarly).finally(() => {
      this.#running = undefined;
      this.#onEnd();
    });
  }

  /** Whether what was published is exported, or was tried. */
  isDone(publishedSeq: number): boolean {
    const { enabled } = this.#cluster.config.export;
    return !enabled || (this.#running === undefined && publishedSeq <= this.#triedSeq);
  }

  /** How each export is. */
  async states(publishedSeq: number): Promise<ExportState[]> {
    if (!this.#cluster.config.export.enabled) return [];
    return (await clusterExports(this.#cluster, publishedSeq)).map(item => stateOf(item, this.#cluster));
  }

  async stop(): Promise<void> {
    this.#worker.close();
    await this.#running;
  }

  /** @param isEarly only those that an operator asks for. */
  async #writeAll(publishedSeq: number, isEarly: boolean): Promise<void> {
    const { logger, postgres, config } = this.#cluster;
    try {
      const requests = await exportRequests(postgres, Math.max(0, this.#lookedSeq), publishedSeq);
      this.#lookedSeq = publishedSeq;
      if (isEarly && requests.length === 0) return;
      let failed = 0;
      for (const item of await clusterExports(this.#cluster, publishedSeq)) {
        const isAsked = requests.some(request => isAskedFor(item, request));
        const isDue = (isBehind(item) && (isAsked || !isEarly)) || requests.some(request => isForced(item, request));
        if (isDue && !(await this.#tryToWrite(item, publishedSeq))) failed++;
      }
      if (failed === 0 && !isEarly) this.#doneSeq = publishedSeq;
      this.#failures = failed === 0 ? 0 : this.#failures + 1;
    } catch (error) {
      this.#failures++;
      logger.error({ err: error }, 'the exports could not be looked at; they are tried again');
    }
    if (!isEarly) this.#triedSeq = publishedSeq;
    const pauseMs = Math.max(config.export.minIntervalMs, this.#failures && waitAfter(backoff, this.#failures));
    this.#notBefore = performance.now() + pauseMs;
  }

  async #tryToWrite(item: ClusterExport, seq: number): Promise<boolean> {
    const { postgres, logger, events } = this.#cluster;
    const { name, definition, known } = item;
    const started = performance.now();
    const attempt = () => ({ name, seq, durationMs: Math.round(performance.now() - started) });
    let error: string | null = null;
    let written = { rows: known?.rows ?? null, bytes: known?.bytes ?? null };
    try {
      const made = await this.#write(item, seq);
      await noteExport(postgres, { ...attempt(), definition, ...made });
      written = made;
      logger.info({ export: name, rows: made.rows, seq }, 'export written');
    } catch (cause) {
      if (this.#worker.isClosed) return false; // we stopped it ourselves: it has not failed
      error = (cause as Error).message;
      logger.error({ err: cause, export: name }, 'an export failed; its last good file stays');
      await noteFailedExport(postgres, { ...attempt(), error });
    }
    const asOfSeq = error === null ? seq : (known?.seq ?? 0);
    events.emit('export', {
      name,
      ok: error === null,
      seconds: attempt().durationMs / 1000,
      asOfSeq,
      ...written,
      error,
    });
    return error === null;
  }

  async #write(
    { name, sql, untrusted, options }: ClusterExport,
    seq: number,
  ): Promise<{ rows: number; bytes: number }> {
    const { lake, objects, config, workFolder } = this.#cluster;
    const path = join(workFolder, `export-${randomUUID()}`);
    const orderBy = orderOf(options);
    try {
      const { rows } = await this.#worker.request(
        {
          task: 'copy',
          setup: [...attachStatements(lake), 'USE lake'],
          sql,
          untrusted,
          readable: foldersOfCluster(lake),
          path,
          memoryMb: config.export.memoryLimitMb,
          file: {
            compression: options.compression,
            rowGroupRows: options.rowGroupRows,
            readBack: true,
            ...(orderBy !== '' && { orderBy }),
            metadata: {
              'quantbot.export': name,
              'quantbot.as_of_seq': String(seq),
              'quantbot.sql': sql,
              'quantbot.daemon_version': version,
            },
          },
        },
        config.export.timeoutMs,
      );
      await objects.replace(exportKey(name), { path });
      return { rows, bytes: (await stat(path)).size };
    } finally {
      await rm(path, { force: true });
    }
  }
}
