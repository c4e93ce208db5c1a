import { exportRequests, noteFailedExport, tableOperationsBetween } from '@quantbot/bus-cluster';
import type { ExportState } from '@quantbot/bus-http';
import { BulkWriter } from '@quantbot/duckdb-process';
import { type Backoff, waitAfter } from '@quantbot/infra/bus';
import { faultPoint } from '@quantbot/infra/files';
import type { Cluster } from '../cluster.js';
import { type ClusterExport, clusterExports, isAskedFor, isBehind, isForced, stateOf } from './golden-exports.js';
import { removeLostExports } from './lost-exports.js';
import { ReplacedDatasets } from './replaced-datasets.js';
import { SoundFiles } from './sound-files.js';
import { putExportStatus } from './status-object.js';
import { writeDataset } from './write-dataset.js';
import { writeFile } from './write-file.js';

const backoff: Backoff = { firstMs: 1000, maxMs: 60_000 };
const parseTimeoutMs = 20_000;

/**
 * Writes golden exports to `exports/` in the object store. The daemon that publishes does it,
 * beside ingestion and one after another. Each object is replaced as a whole.
 */
export class ClusterExports {
  readonly #cluster: Cluster;
  readonly #writer: BulkWriter;
  readonly #onEnd: () => void;
  #running: Promise<void> | undefined;
  #notBefore = 0;
  #failures = 0;
  /** All exports contain everything up to this published job. */
  #doneSeq = 0;
  /** All exports were tried up to this published job. */
  #triedSeq = 0;
  /** The requests of operators were read up to this published job. */
  #lookedSeq = -1;
  /** Whether the status in the object store is up to date. */
  #isStatusWritten = false;
  readonly #sound = new SoundFiles();
  readonly #replaced: ReplacedDatasets;
  /** The canonical tables that each SELECT of the configuration reads. */
  readonly #reads = new Map<string, Promise<string[] | null>>();

  constructor(cluster: Cluster, onEnd: () => void) {
    this.#cluster = cluster;
    this.#writer = new BulkWriter('export', { idleMs: 60_000, spillIn: cluster.workFolder });
    this.#replaced = new ReplacedDatasets(cluster);
    this.#onEnd = onEnd;
  }

  /**
   * Begins to write stale exports, unless that is in progress or was just done. Once they are
   * written, removes the datasets that they have replaced.
   *
   * @param options.isLast whether nothing comes after it. Then no interval needs to pass.
   */
  advance(publishedSeq: number, { isLast }: { isLast: boolean }): void {
    if (!this.#cluster.config.export.enabled || this.#running !== undefined) return;
    if (publishedSeq <= this.#doneSeq) {
      if (this.#replaced.isDue) this.#run(this.#replaced.remove());
      return;
    }
    if (isLast && publishedSeq <= this.#triedSeq) return;
    const isEarly = !isLast && performance.now() < this.#notBefore;
    if (isEarly && publishedSeq <= this.#lookedSeq) return;
    this.#run(this.#writeAll(publishedSeq, isEarly));
  }

  #run(work: Promise<void>): void {
    this.#running = work.finally(() => {
      this.#running = undefined;
      this.#onEnd();
    });
  }

  /** Whether all exports up to this job were written, or tried. */
  isDone(publishedSeq: number): boolean {
    const { enabled } = this.#cluster.config.export;
    return !enabled || (this.#running === undefined && publishedSeq <= this.#triedSeq);
  }

  /** Returns the state of each export. */
  async states(publishedSeq: number): Promise<ExportState[]> {
    if (!this.#cluster.config.export.enabled) return [];
    return (await clusterExports(this.#cluster, publishedSeq)).map(item => stateOf(item, this.#cluster));
  }

  /** Whether an export failed the last time. */
  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  async stop(): Promise<void> {
    this.#writer.close();
    await this.#running;
  }

  /** @param isEarly whether to write only exports that an operator asked for. */
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
        if (!isDue) continue;
        this.#isStatusWritten = false;
        if (!(await this.#tryToWrite(item, publishedSeq))) failed++;
      }
      if (!isEarly && (await removeLostExports(this.#cluster, publishedSeq))) this.#isStatusWritten = false;
      if (!this.#isStatusWritten) await this.#putStatus(publishedSeq);
      if (this.#replaced.isDue) await this.#replaced.remove();
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
    const { name, known } = item;
    const started = performance.now();
    const attempt = () => ({ name, seq, durationMs: Math.round(performance.now() - started) });
    let error: string | null = null;
    let written = { rows: known?.rows ?? null, bytes: known?.bytes ?? null };
    try {
      const write = item.options.layout === 'dataset' ? writeDataset : writeFile;
      const context = {
        cluster: this.#cluster,
        writer: this.#writer,
        seq,
        reads: item.untrusted ? await this.#tablesRead(item.sql) : null,
        elapsedMs: () => attempt().durationMs,
      };
      faultPoint('export:begun');
      await this.#sound.mustBe(this.#cluster, { table: item.table, reads: context.reads });
      written = await write(context, item);
      if (write === writeDataset || known?.folder != null) this.#replaced.add(name);
      logger.info({ export: name, rows: written.rows, seq }, 'export written');
    } catch (cause) {
      if (this.#writer.worker.isClosed) return false; // a stop is not a failure
      // A later operation may have renamed or dropped the table. All exports are looked at again.
      if ((await tableOperationsBetween(postgres, seq, Number.MAX_SAFE_INTEGER)).length > 0) return true;
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

  /** Parses each SELECT once, in another process, because some SQL crashes the parser. */
  #tablesRead(sql: string): Promise<string[] | null> {
    const asked =
      this.#reads.get(sql) ??
      this.#writer.worker.request({ task: 'tables', sql }, parseTimeoutMs).then(canonicalOnly, () => null);
    this.#reads.set(sql, asked);
    return asked;
  }

  async #putStatus(publishedSeq: number): Promise<void> {
    const items = await clusterExports(this.#cluster, publishedSeq);
    await putExportStatus(this.#cluster.objects, items, this.#lookedSeq);
    this.#isStatusWritten = true;
  }
}

/** Returns the canonical tables; null if the SELECT reads anything else. */
const canonicalOnly = (tables: readonly string[] | undefined): string[] | null =>
  tables?.every(table => table.startsWith('canon.')) ? tables.map(table => table.slice('canon.'.length)) : null;
