import { withoutDamage } from '@quantbot/bus-format/canon';
import type { WaitingTable } from '@quantbot/bus-format/state';
import type { BulkWriter } from '@quantbot/duckdb-process';
import type { CodedError } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { compactHot, mergeTiers } from '../compaction/compact.js';
import { linkHotAgain } from '../compaction/link-again.js';
import {
  followModes,
  incompleteTables,
  mendTables,
  rebuildTable,
  waitingTables,
} from '../compaction/rebuild-tables.js';

/**
 * A round is also due at this many uncompacted files of canonical tables per `hot_commits`. A
 * reader opens each of these files, so commits with many of them are compacted sooner.
 */
const tableFilesOfACommit = 64;
/**
 * While batches are small, this many times as many commits are compacted together. Commits come
 * faster then, and a compaction delays the next ones.
 */
const whileBatchesAreSmall = 4;
/** The pause before a retry after damage. Only a restored file can make the retry succeed. */
export const restAfterDamageMs = 60_000;

/**
 * Compacts, and records the canonical tables that a damaged file blocks. Those pause, and all
 * others continue.
 */
export class Compaction {
  readonly #bus: Bus;
  readonly #writer: BulkWriter;
  readonly #waiting = new Map<string, WaitingTable & { restsUntil: number }>();

  /** When rows last left a table or came back. */
  #turnedAt = Number.NEGATIVE_INFINITY;

  constructor(bus: Bus, writer: BulkWriter) {
    this.#bus = bus;
    this.#writer = writer;
  }

  /** The tables that wait, by the names that readers know, and why. */
  get waiting(): WaitingTable[] {
    return [...this.#waiting.values()].map(({ restsUntil: _, table, ...waiting }) => ({
      table: this.#bus.tables.nameOf(table),
      ...waiting,
    }));
  }

  /**
   * Restores files of tables that have been replaced by something else. Rebuilds tables whose
   * configured mode changed, and tables whose compacted files are missing.
   */
  async prepare(): Promise<void> {
    const { logger } = this.#bus;
    if (await linkHotAgain(this.#bus, entry => !entry.isFile()))
      logger.warn('files of canonical tables were not regular files; they are links to the stored files again');
    await this.#followModes();
    const waiting = await waitingTables(this.#bus);
    for (const table of await incompleteTables(this.#bus, waiting)) {
      logger.warn(
        { table: table.name },
        'compacted files of a canonical table are missing; rebuilding the table from the store',
      );
      await withoutDamage(table, () => rebuildTable(this.#bus, this.#writer, table, waiting), this.#note);
    }
  }

  async #followModes(): Promise<void> {
    for (const table of await followModes(this.#bus, this.#writer, this.#note))
      this.#bus.logger.info(
        { table },
        'a canonical table has another mode, was dropped or restored, or artifacts of it were forgotten; its compacted files were rebuilt',
      );
  }

  /** Returns whether enough was committed, or enough time has passed, for a round. */
  isDue({
    idleForMs,
    batchesAreSmall,
    isLast,
  }: {
    idleForMs: number;
    batchesAreSmall: boolean;
    isLast: boolean;
  }): boolean {
    const { journal, config } = this.#bus;
    const { idleMs } = config.compaction;
    const hotCommits = config.compaction.hotCommits * (batchesAreSmall ? whileBatchesAreSmall : 1);
    const hot = journal.hotCommits.length;
    const isFull = hot >= hotCommits || journal.hotTableFiles >= hotCommits * tableFilesOfACommit;
    const isHeld = [...this.#bus.tables.held].some(name => !this.#waiting.has(name));
    return (
      isFull ||
      isHeld ||
      this.#hasTurned(isLast) ||
      (idleForMs >= idleMs && hot > 1) ||
      this.#resting.size < this.#waiting.size
    );
  }

  /**
   * One round: commits into segments, segments into larger ones, and another attempt at the tables
   * that have rested.
   */
  async run(): Promise<void> {
    const started = this.#bus.elapsed();
    const resting = this.#resting;
    const hurt = new Map<string, CodedError<string>>();
    const note = (error: CodedError<string>, table: string) => void hurt.set(table, error);
    await compactHot(this.#bus, this.#writer, { onDamage: note, skip: resting });
    if (this.#bus.journal.lastTurn > 0) {
      this.#turnedAt = this.#bus.elapsed();
      await this.#followModes();
    }
    const unmerged = new Set<string>();
    await mergeTiers(this.#bus, this.#writer, (_, table) => unmerged.add(table));
    const toMend = this.#bus.tables
      .tables()
      .filter(({ name }) => !resting.has(name) && (unmerged.has(name) || this.#waiting.has(name)));
    const mended = await mendTables(this.#bus, this.#writer, toMend, note);
    if (mended.length > 0)
      this.#bus.logger.warn({ tables: mended }, 'compacted files were damaged; their tables were rebuilt');
    for (const [table, error] of hurt) this.#note(error, table);
    for (const table of this.#waiting.keys()) if (!resting.has(table) && !hurt.has(table)) this.#forget(table);
    this.#bus.events.emit('compaction', { seconds: (this.#bus.elapsed() - started) / 1000 });
  }

  /**
   * Whether rows must leave a table, or come back, or bytes must go. Not for each operation of
   * many.
   */
  #hasTurned(isLast: boolean): boolean {
    const { journal, config, elapsed } = this.#bus;
    const isRested = isLast || elapsed() - this.#turnedAt >= config.compaction.releaseGraceMs;
    return journal.lastTurn > journal.compactedSeq && isRested;
  }

  get #resting(): Set<string> {
    const now = this.#bus.elapsed();
    return new Set([...this.#waiting].filter(([, { restsUntil }]) => restsUntil > now).map(([table]) => table));
  }

  readonly #note = ({ code, message, hint }: CodedError<string>, table: string): void => {
    const known = this.#waiting.get(table);
    const since = known?.since ?? new Date(this.#bus.now()).toISOString();
    const restsUntil = this.#bus.elapsed() + restAfterDamageMs;
    this.#waiting.set(table, { table, since, code, message, hint, restsUntil });
    if (known?.message === message) return;
    const name = this.#bus.tables.nameOf(table);
    this.#bus.logger.error(
      { table: name, code, hint },
      `a canonical table waits; everything else continues: ${message}`,
    );
    this.#bus.events.emit('damage', [{ code, what: `canon.${name}`, detail: message }]);
  };

  #forget(table: string): void {
    this.#waiting.delete(table);
    this.#bus.logger.info({ table }, 'a canonical table is complete again: its damaged file was restored');
  }
}
