import { forgetMended } from '@quantbot/bus-care/scrub';
import { hintFor, isDamage, removeTree } from '@quantbot/bus-format';
import { listLeftBehind, listOwnFolders, readScrubState, type WaitingTable } from '@quantbot/bus-format/state';
import type { ExportState } from '@quantbot/bus-http';
import { BulkWriter } from '@quantbot/duckdb-process';
import { mendBusMarker } from '@quantbot/infra/bus';
import type { Bus } from '../bus.js';
import { removeForgotten } from '../compaction/remove-forgotten.js';
import { forgetExportsAhead } from '../exports/ahead.js';
import { Exporter } from '../exports/exporter.js';
import { mendOutcomes } from '../mend-outcomes.js';
import type { Publisher } from '../publish/publisher.js';
import { releaseUnused } from '../publish/release.js';
import { Compaction, restAfterDamageMs } from './compaction.js';

const releaseEveryMs = 2_000;
const mendEveryMs = 30_000;
const retryAfterMs = 5_000;
/**
 * Ingestion has precedence, but an export must end in time on a busy machine, and what is not
 * compacted makes readers slower.
 */
const niceness = 5;
/** Files of one settled job to remove before the turn of the next one. */
const removedInATurn = 5_000;
const maxRemovalTurns = 200;

/** Work beside ingestion that may fail. */
export type MaintenanceWork = 'compaction' | 'export' | 'publication';

/**
 * Runs beside ingestion without blocking it: compaction, release of unneeded files, exports. One
 * round at a time. A failed round is logged and retried.
 */
export class Maintenance {
  readonly #bus: Bus;
  readonly #publisher: Publisher;
  readonly #writer: BulkWriter;
  readonly #exporter: Exporter;
  readonly #compaction: Compaction;
  #round: Promise<void> | undefined;
  #exports: Promise<void> | undefined;
  #removal: Promise<void> | undefined;
  readonly #removalTurns = new Map<string, number>();
  readonly #stopping = new AbortController();
  #lastSeq = -1;
  #lastCommitAt: number;
  #lastReleaseAt = Number.NEGATIVE_INFINITY;
  #lastMendAt = Number.NEGATIVE_INFINITY;
  #restUntil = 0;
  #held = '';
  readonly #failed = new Set<MaintenanceWork>();

  constructor(bus: Bus, publisher: Publisher) {
    this.#bus = bus;
    this.#publisher = publisher;
    this.#writer = new BulkWriter('write', { idleMs: 10_000, spillIn: bus.layout.building, niceness });
    this.#exporter = new Exporter(bus, this.#writer);
    this.#compaction = new Compaction(bus, this.#writer);
    this.#lastCommitAt = bus.elapsed();
  }

  /** Prepares what the first reader needs. */
  async prepare(): Promise<void> {
    await forgetExportsAhead(this.#bus);
    for (const folder of await listLeftBehind(this.#bus)) this.#bus.leftBehind.push(folder);
    for (const folder of await listOwnFolders(this.#bus)) await removeTree(folder);
    await this.#exporter.ensureStatus();
    await this.#compaction.prepare();
  }

  /** The canonical tables that a damaged file blocks. */
  get waitingTables(): WaitingTable[] {
    return this.#compaction.waiting;
  }

  /** The work whose last attempt failed. */
  get failed(): MaintenanceWork[] {
    const failed = new Set(this.#failed);
    if (this.#exporter.hasFailed) failed.add('export');
    if (this.#publisher.hasFailed) failed.add('publication');
    return [...failed];
  }

  /** The state of each export. */
  exports(): Promise<ExportState[]> {
    return this.#exporter.states();
  }

  /** Starts due work, and returns at once. */
  kick({ batchesAreSmall }: { batchesAreSmall: boolean }): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#bus.journal.lastSeq !== this.#lastSeq) this.#lastCommitAt = this.#bus.elapsed();
    this.#lastSeq = this.#bus.journal.lastSeq;
    this.#round ??= this.#guarded('compaction', () => this.#compactAndRelease({ batchesAreSmall })).finally(() => {
      this.#round = undefined;
    });
    this.#exports ??= this.#guarded('export', () => this.#exporter.runDirty()).finally(() => {
      this.#exports = undefined;
    });
    this.#removal ??= this.#removeLeftBehind().finally(() => {
      this.#removal = undefined;
    });
  }

  /** Returns the time until work is due (milliseconds); undefined if none is, or if it runs. */
  async nextDueMs(): Promise<number | undefined> {
    return this.#exports === undefined ? this.#exporter.nextDueMs() : undefined;
  }

  /** Refreshes every export, removes leftovers, and compacts. Runs again after the last commit. */
  async finish(): Promise<void> {
    await this.#exports;
    const exportAll = () => this.#guarded('export', () => this.#exporter.runDirty({ ignoreInterval: true }));
    await exportAll();
    await this.#round;
    await this.#guarded('compaction', () => this.#compactAndRelease({ isLast: true }));
    if (this.#bus.journal.lastTurn > 0) await exportAll();
    await this.#removal;
    while (this.#bus.leftBehind.length > 0 && !this.#stopping.signal.aborted) await this.#removeLeftBehind();
  }

  /** Stops work in progress, which is safe at any moment. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#exporter.stop();
    this.#writer.close();
    await Promise.all([this.#round, this.#exports, this.#removal]);
  }

  async #compactAndRelease({ batchesAreSmall = false, isLast = false } = {}): Promise<void> {
    const now = this.#bus.elapsed();
    if (now < this.#restUntil && !isLast) return;
    if (this.#compaction.isDue({ idleForMs: now - this.#lastCommitAt, batchesAreSmall, isLast })) {
      await this.#compaction.run();
      await this.#publisher.publish();
    }
    await this.#removeForgotten(isLast ? 0 : this.#bus.config.compaction.releaseGraceMs);
    if (now - this.#lastReleaseAt < releaseEveryMs) return;
    this.#lastReleaseAt = now;
    await this.#mendState();
    await this.#mendFound();
    await this.#publisher.publishIfMissing();
    const held = await releaseUnused(this.#bus, this.#exporter.pinned);
    if (held.join() !== this.#held) this.#bus.logger.debug({ held }, 'superseded databases that readers still hold');
    this.#held = held.join();
  }

  /** Removes the bytes of forgotten artifacts, once no table needs them. */
  async #removeForgotten(graceMs: number): Promise<void> {
    const { files } = await removeForgotten(this.#bus, graceMs);
    if (files > 0) this.#bus.logger.info({ files }, 'the bytes of forgotten artifacts are removed');
  }

  /**
   * Restores the marker, which producers need, and the status of the exports, which readers need.
   */
  async #mendState(): Promise<void> {
    const { assertHeld, layout, logger, marker } = this.#bus;
    assertHeld(); // a bus that was removed gets no marker
    if (await mendBusMarker(layout.root, marker))
      logger.warn({ path: layout.marker }, 'the marker of the bus was missing or damaged; it is written again');
    await this.#exporter.ensureStatus();
  }

  /**
   * Rewrites receipts and reject reasons that a scrub found damaged, and drops findings of files
   * that are sound again.
   */
  async #mendFound(): Promise<void> {
    const now = this.#bus.elapsed();
    if (now - this.#lastMendAt < mendEveryMs) return;
    this.#lastMendAt = now;
    const findings = readScrubState(this.#bus.layout.root)?.findings ?? [];
    const whats = findings.filter(({ code }) => code === 'OUTCOME_DAMAGED').map(({ what }) => what);
    const mended = await mendOutcomes(this.#bus, whats);
    if (mended.length > 0) this.#bus.logger.warn({ files: mended }, 'damaged receipts or reasons are written again');
    if (findings.length > 0) await forgetMended(this.#bus.config);
  }

  /**
   * Removes leftover folders in turns of many files, because a producer may keep filling its own. A
   * folder that cannot be removed, or is not empty after very many turns, waits for the next start.
   */
  async #removeLeftBehind(): Promise<void> {
    const { signal } = this.#stopping;
    const unfinished: string[] = [];
    for (let folder = this.#bus.leftBehind.shift(); folder !== undefined; folder = this.#bus.leftBehind.shift())
      try {
        if (await removeTree(folder, { signal, maxEntries: removedInATurn })) this.#removalTurns.delete(folder);
        else if (this.#hasAnotherTurn(folder)) unfinished.push(folder);
        else
          this.#bus.logger.warn(
            { folder },
            'a program still writes to a settled job; the next start removes its files',
          );
      } catch (error) {
        if (signal.aborted) return;
        this.#bus.logger.error({ err: error, folder }, 'the remaining files of a settled job cannot be removed');
      }
    this.#bus.leftBehind.push(...unfinished);
  }

  #hasAnotherTurn(folder: string): boolean {
    const turns = (this.#removalTurns.get(folder) ?? 0) + 1;
    if (turns < maxRemovalTurns) this.#removalTurns.set(folder, turns);
    else this.#removalTurns.delete(folder);
    return turns < maxRemovalTurns;
  }

  async #guarded(what: MaintenanceWork, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failed.delete(what);
    } catch (error) {
      if (this.#stopping.signal.aborted) return; // a stop is not a failure
      this.#failed.add(what);
      this.#restUntil = this.#bus.elapsed() + (isDamage(error) ? restAfterDamageMs : retryAfterMs);
      this.#bus.logger.error({ err: error, hint: hintFor(error) }, `${what} failed; it will be retried`);
    }
  }
}
