import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { duckDbFault } from '@quantbot/bus-format/duckdb-fault';
import {
  checkExportStatus,
  type ExportEntry,
  type ExportStatus,
  exportStatusFile,
  manifestOf,
  readExportStatus,
  writeExportStatus,
} from '@quantbot/bus-format/state';
import type { Snapshot } from '@quantbot/bus-format/views';
import type { ExportState } from '@quantbot/bus-http';
import type { BulkWriter } from '@quantbot/duckdb-process';
import { CodedError } from '@quantbot/infra';
import { type Backoff, waitAfter } from '@quantbot/infra/bus';
import { exists, makeFolderDurable } from '@quantbot/infra/files';
import type { Bus, ExportRequest } from '../bus.js';
import { ExportShare } from './export-share.js';
import { definitionOf, type GoldenExport, isMissingIn } from './golden-export.js';
import { GoldenExports } from './golden-exports.js';
import { noneIfMissing, OldExports } from './old-exports.js';
import { RecentSnapshot } from './recent-snapshot.js';
import { writeDataset } from './write-dataset.js';
import { writeExportFile } from './write-file.js';

const backoff: Backoff = { firstMs: 1000, maxMs: 60_000 };
const saveEveryMs = 1_000;

/** Returns the path that must exist for an export to exist. */
const whatMustBe = ({ path, options }: GoldenExport): string =>
  options.layout === 'dataset' ? manifestOf(path) : path;

/** Whether its last run succeeded and nothing has changed since. */
const isCurrent = (item: GoldenExport, last: ExportEntry | undefined): boolean =>
  last?.ok === true &&
  last.as_of_seq >= item.changedSeq &&
  last.path === item.path &&
  last.definition === definitionOf(item);

/** Returns why an export failed, and what to do. */
function reasonOf(error: Error): string {
  if (error instanceof CodedError) return `${error.message} ${error.hint}`;
  if (duckDbFault(error.message) !== 'memory') return error.message;
  // DuckDB goes on with settings that an export cannot have.
  return `${error.message.split('\n', 1)[0]}. Raise export.memory_limit_mb, or reduce the work.`;
}

const isNamed = (names: readonly string[], name: string): boolean => names.length === 0 || names.includes(name);

/**
 * Keeps golden exports fresh: one per canonical table and per configured SELECT, as a file or a
 * dataset, always whole. An export runs when its table has changed since the seq that its last good
 * run recorded, so a crash forgets nothing. It never delays ingestion.
 */
export class Exporter {
  readonly #bus: Bus;
  readonly #writer: BulkWriter;
  readonly #snapshot: RecentSnapshot;
  readonly #exports: GoldenExports;
  readonly #old: OldExports;
  readonly #share: ExportShare;
  #status: ExportStatus | undefined;
  /** Requests of operators that are being served. */
  #serving: ExportRequest[] = [];
  readonly #lastRunAt = new Map<string, number>();
  /** When an export was last written. */
  readonly #writtenAt = new Map<string, number>();
  /** Failures of each export since its last success. */
  readonly #failures = new Map<string, number>();
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(bus: Bus, writer: BulkWriter) {
    this.#bus = bus;
    this.#writer = writer;
    this.#snapshot = new RecentSnapshot(bus);
    this.#exports = new GoldenExports(bus, writer.worker);
    this.#old = new OldExports(bus);
    this.#share = new ExportShare(bus.config.export.maxShare);
  }

  /** Whether the last attempt at an export failed. */
  get hasFailed(): boolean {
    return this.#failures.size > 0;
  }

  /** Snapshots that running exports read. Their files must not be deleted. */
  get pinned(): readonly Snapshot[] {
    return this.#snapshot.pinned;
  }

  /** Writes the status if it is missing or damaged: `catalog.exports_d` reads it. */
  async ensureStatus(): Promise<void> {
    const { exportDir } = this.#bus.config.export;
    await makeFolderDurable(exportDir);
    const state = checkExportStatus(exportDir);
    if (state === 'sound') return;
    writeExportStatus(exportDir, await this.#readStatus());
    const path = join(exportDir, exportStatusFile);
    if (state === 'damaged')
      this.#bus.logger.warn({ path }, 'the status of the exports was damaged; it is written again');
  }

  /** Runs every stale export in turn. A second call waits for the first, then checks again. */
  async runDirty({ ignoreInterval = false } = {}): Promise<void> {
    if (!this.#bus.config.export.enabled) return;
    while (this.#running !== undefined) await this.#running;
    this.#running = this.#runAll(ignoreInterval).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Returns the time until {@link runDirty} has work (milliseconds); undefined if it has none. */
  async nextDueMs(): Promise<number | undefined> {
    if (!this.#bus.config.export.enabled) return undefined;
    if (this.#bus.requestedExports.length > 0) return 0;
    const dirty = await this.#dirty();
    if (dirty.length === 0) return undefined;
    return Math.max(0, Math.min(...dirty.map(item => this.#dueAt(item))) - this.#bus.elapsed());
  }

  /** Returns the state of each export, as far as this process knows. */
  async states(): Promise<ExportState[]> {
    if (!this.#bus.config.export.enabled) return [];
    const { exports } = await this.#readStatus();
    return (await this.#exports.all()).map(item => {
      const entry = exports[item.name];
      return {
        name: item.name,
        path: item.path,
        ok: entry?.ok ?? null,
        upToDate: isCurrent(item, entry),
        writtenAtMs:
          entry?.ok === true ? Date.parse(entry.started_at) + entry.duration_ms : this.#writtenAt.get(item.name),
        lastRunAtMs: entry && Date.parse(entry.started_at),
        durationMs: entry?.duration_ms ?? null,
        rows: entry?.rows ?? null,
        bytes: entry?.bytes ?? null,
        files: entry?.files ?? null,
        asOfSeq: entry?.as_of_seq ?? null,
        error: entry?.error ?? null,
      };
    });
  }

  /** From now on, a failed export was stopped. Its last good file stays. */
  stop(): void {
    this.#stopped = true;
  }

  async #runAll(ignoreInterval: boolean): Promise<void> {
    await this.ensureStatus();
    await this.#removeGarbage();
    const status = await this.#readStatus();
    if (await this.#old.removeDropped(status)) await this.#saveStatus(status);
    this.#serving = this.#bus.requestedExports.splice(0);
    const mayRun = (item: GoldenExport) =>
      ignoreInterval || this.#isAskedFor(item) || this.#dueAt(item) <= this.#bus.elapsed();
    const due = (await this.#dirty()).filter(mayRun);
    await this.#runEach(due.sort(this.#oldestFirst), status, mayRun).finally(() => this.#snapshot.release());
    if (due.length > 0) await this.#removeGarbage();
    const served = this.#serving.at(-1);
    this.#serving = [];
    if (served === undefined) return;
    status.served_seq = served.seq;
    await this.#saveStatus(status);
  }

  /** Saves the status now and then: it lists every export, and there may be thousands. */
  async #runEach(
    due: readonly GoldenExport[],
    status: ExportStatus,
    mayRun: (item: GoldenExport) => boolean,
  ): Promise<void> {
    let savedAt = Number.NEGATIVE_INFINITY;
    let isSaved = true;
    for (const item of due) {
      if (!mayRun(item)) continue; // those before it may have used up the time of all
      await this.#writer.inTurn(() => this.#runOne(item, status));
      isSaved = false;
      if (this.#stopped) break;
      if (this.#bus.elapsed() - savedAt < saveEveryMs) continue;
      await this.#saveStatus(status);
      isSaved = true;
      savedAt = this.#bus.elapsed();
    }
    if (!isSaved) await this.#saveStatus(status);
  }

  /** An export that has waited longest comes first, so that none is always the one to wait. */
  #oldestFirst = (one: GoldenExport, other: GoldenExport): number =>
    (this.#lastRunAt.get(one.name) ?? 0) - (this.#lastRunAt.get(other.name) ?? 0);

  async #dirty(): Promise<GoldenExport[]> {
    const status = await this.#readStatus();
    const { exportDir } = this.#bus.config.export;
    const names = new Set(await readdir(exportDir).catch(noneIfMissing));
    const dirty: GoldenExport[] = [];
    for (const item of await this.#exports.all()) {
      const [path, last] = [whatMustBe(item), status.exports[item.name]];
      // An await for each of thousands of exports would cost more than the rest.
      const isThere = dirname(path) === exportDir ? names.has(basename(path)) : await exists(path);
      if (!isThere || !isCurrent(item, last) || this.#isForced(item, last?.as_of_seq)) dirty.push(item);
    }
    return dirty;
  }

  /** Whether an operator's request to rebuild it is still open. */
  #isForced({ name }: GoldenExport, asOfSeq: number | undefined): boolean {
    return this.#serving.some(({ names, force, seq }) => force && isNamed(names, name) && (asOfSeq ?? 0) < seq);
  }

  /** Whether an operator asked for it. Requests skip the interval. */
  #isAskedFor({ name }: GoldenExport): boolean {
    return this.#serving.some(({ names }) => isNamed(names, name));
  }

  /**
   * A failed export is retried at growing intervals: the disk may be at fault as well as its SQL.
   */
  #dueAt(item: GoldenExport): number {
    const last = this.#lastRunAt.get(item.name);
    if (last === undefined) return Number.NEGATIVE_INFINITY;
    const { minIntervalMs } = this.#bus.config.export;
    const failures = this.#failures.get(item.name) ?? 0;
    const restMs = failures === 0 ? minIntervalMs : Math.max(minIntervalMs, waitAfter(backoff, failures));
    return Math.max(last + restMs, this.#share.mayStartAt(item.name));
  }

  async #runOne(item: GoldenExport, status: ExportStatus): Promise<void> {
    const { logger, now, elapsed } = this.#bus;
    const startedAt = elapsed();
    const tookMs = () => Math.round(elapsed() - startedAt);
    this.#lastRunAt.set(item.name, startedAt);
    const snapshot = await this.#snapshot.take();
    if (isMissingIn(snapshot, item, this.#bus.tables)) return;
    const last = status.exports[item.name];
    const common = { path: item.path, started_at: new Date(now()).toISOString() };
    try {
      const write = item.options.layout === 'dataset' ? writeDataset : writeExportFile;
      const written = await write({ bus: this.#bus, writer: this.#writer, snapshot }, item);
      this.#failures.delete(item.name);
      this.#writtenAt.set(item.name, now());
      status.exports[item.name] = {
        ok: true,
        ...common,
        ...written,
        as_of_seq: snapshot.seq,
        definition: definitionOf(item),
        duration_ms: tookMs(),
        error: null,
      };
      logger.info({ export: item.name, rows: written.rows, asOfSeq: snapshot.seq, ms: tookMs() }, 'export written');
    } catch (error) {
      if (this.#stopped) return; // a stop is not a failure
      this.#failures.set(item.name, (this.#failures.get(item.name) ?? 0) + 1);
      const { rows = null, bytes = null, sha256 = null, files = null, as_of_seq = 0, definition = null } = last ?? {};
      status.exports[item.name] = {
        ok: false,
        ...common,
        rows,
        bytes,
        sha256,
        files,
        as_of_seq,
        definition,
        duration_ms: tookMs(),
        error: reasonOf(error as Error),
      };
      logger.error({ export: item.name, err: error }, 'export failed; keeping its last good file');
    } finally {
      this.#share.spend(item.name, startedAt, elapsed());
    }
    this.#tell(item.name, status.exports[item.name]);
  }

  #tell(name: string, entry: ExportEntry | undefined): void {
    if (entry === undefined) return;
    const { ok, rows, bytes, error, as_of_seq: asOfSeq, duration_ms } = entry;
    this.#bus.events.emit('export', { name, ok, seconds: duration_ms / 1000, asOfSeq, rows, bytes, error });
  }

  async #saveStatus(status: ExportStatus): Promise<void> {
    status.updated_at = new Date(this.#bus.now()).toISOString();
    writeExportStatus(this.#bus.config.export.exportDir, status);
  }

  async #readStatus(): Promise<ExportStatus> {
    this.#status ??= await readExportStatus(this.#bus.config.export.exportDir);
    return this.#status;
  }

  async #removeGarbage(): Promise<void> {
    const folders = new Set((await this.#exports.all()).map(item => dirname(item.path)));
    await this.#old.remove(folders.add(this.#bus.config.export.exportDir));
  }
}
