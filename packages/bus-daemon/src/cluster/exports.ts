import { hash, randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { changedTables, type KnownExport, knownExports, noteExport, noteFailedExport } from '@quantbot/bus-cluster';
import { identifier } from '@quantbot/bus-format/sql';
import { version } from '@quantbot/bus-format/version';
import { tableInOrder } from '@quantbot/bus-format/views';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import { type Backoff, waitAfter } from '@quantbot/infra';
import type { ExportFileOptions } from '@quantbot/infra/config';
import { attachStatements } from '@quantbot/storage/lake';
import { foldersOfCluster } from '@quantbot/storage/sandbox';
import { defaultOptions } from '../writer/exports/golden-export.js';
import type { Cluster } from './cluster.js';

/** An export that is behind its source. */
interface DueExport {
  name: string;
  sql: string;
  untrusted: boolean;
  options: ExportFileOptions;
  definition: string;
}

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
  /** Up to this published job all exports are written. */
  #doneSeq = -1;

  constructor(cluster: Cluster, onEnd: () => void) {
    this.#cluster = cluster;
    this.#worker = cluster.fragmentWriter.another('export');
    this.#onEnd = onEnd;
  }

  /** Begins to write what is behind, unless that is under way or was just done. */
  advance(publishedSeq: number): void {
    const { enabled, minIntervalMs } = this.#cluster.config.export;
    if (!enabled || this.#running !== undefined || publishedSeq <= this.#doneSeq) return;
    if (performance.now() < this.#notBefore) return;
    this.#running = this.#writeAll(publishedSeq).finally(() => {
      this.#notBefore =
        performance.now() + Math.max(minIntervalMs, this.#failures && waitAfter(backoff, this.#failures));
      this.#running = undefined;
      this.#onEnd();
    });
  }

  /** Whether what was published is exported, or was tried. */
  isDone(publishedSeq: number): boolean {
    const { enabled } = this.#cluster.config.export;
    return !enabled || (this.#running === undefined && (publishedSeq <= this.#doneSeq || this.#failures > 0));
  }

  async stop(): Promise<void> {
    this.#worker.close();
    await this.#running;
  }

  async #writeAll(publishedSeq: number): Promise<void> {
    const { logger } = this.#cluster;
    try {
      let failed = 0;
      for (const due of await this.#due(publishedSeq)) if (!(await this.#tryToWrite(due, publishedSeq))) failed++;
      if (failed === 0) this.#doneSeq = publishedSeq;
      this.#failures = failed === 0 ? 0 : this.#failures + 1;
    } catch (error) {
      this.#failures++;
      logger.error({ err: error }, 'the exports could not be looked at; they are tried again');
    }
  }

  async #due(publishedSeq: number): Promise<DueExport[]> {
    const { postgres, config } = this.#cluster;
    const known = new Map((await knownExports(postgres)).map(entry => [entry.name, entry]));
    const named = new Set(config.export.jobs.map(({ name }) => name.toLowerCase()));
    const changed = await changedTables(postgres, publishedSeq);
    const ofTables = [...changed].flatMap(([name, seq]) => {
      const settings = config.export.tables[name];
      if (named.has(name) || settings?.enabled === false) return [];
      return { name, sql: tableInOrder(name), untrusted: false, options: settings ?? defaultOptions, seq };
    });
    const ofConfig = config.export.jobs.map(({ name, sql, options }) => ({
      name,
      sql,
      untrusted: true,
      options,
      seq: publishedSeq,
    }));
    return [...ofTables, ...ofConfig]
      .map(({ seq, ...item }) => ({
        ...item,
        seq,
        definition: hash('sha256', JSON.stringify([item.sql, item.options])),
      }))
      .filter(({ name, seq, definition }) => isBehind(known.get(name), seq, definition));
  }

  async #tryToWrite(due: DueExport, seq: number): Promise<boolean> {
    const { postgres, logger } = this.#cluster;
    try {
      const { rows, bytes } = await this.#write(due, seq);
      await noteExport(postgres, { name: due.name, seq, definition: due.definition, rows, bytes });
      logger.info({ export: due.name, rows, seq }, 'export written');
      return true;
    } catch (error) {
      logger.error({ err: error, export: due.name }, 'an export failed; its last good file stays');
      await noteFailedExport(postgres, due.name, (error as Error).message);
      return false;
    }
  }

  async #write({ name, sql, untrusted, options }: DueExport, seq: number): Promise<{ rows: number; bytes: number }> {
    const { lake, objects, config, workFolder } = this.#cluster;
    const path = join(workFolder, `export-${randomUUID()}`);
    const orderBy = options.sortBy
      .map(({ column, descending }) => `${identifier(column)}${descending ? ' DESC' : ''}`)
      .join(', ');
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
      await objects.replace(`exports/${name}.parquet`, { path });
      return { rows, bytes: (await stat(path)).size };
    } finally {
      await rm(path, { force: true });
    }
  }
}

const isBehind = (known: KnownExport | undefined, seq: number, definition: string): boolean =>
  known === undefined || known.seq < seq || known.definition !== definition || known.error !== null;
