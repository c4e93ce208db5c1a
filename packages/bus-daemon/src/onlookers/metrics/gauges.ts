import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { seqName } from '@quantbot/bus-format/journal';
import { countQueue, lockFileOf, readScrubState, type ScrubState } from '@quantbot/bus-format/state';
import type { Bus } from '../../writer/bus.js';
import type { RunState } from '../../writer/events.js';
import type { LoopView } from '../../writer/loop/loop-view.js';
import type { Totals } from './totals.js';

/**
 * A count stays valid for this many times its duration. A folder of a hundred thousand jobs is
 * listed rarely, a small one at each request.
 */
const restPerWork = 20;

/** Values that are read when they are requested. */
export class Gauges {
  readonly #bus: Bus;
  readonly #loop: Pick<LoopView, 'health' | 'oldestWaitingMs' | 'exports' | 'waitingTables'>;
  readonly #totals: Totals;
  #scrub: { state: ScrubState | undefined } | undefined;
  #queue: { goodUntil: number; counted: Promise<{ inbox: number; claimed: number }> } | undefined;

  constructor(
    bus: Bus,
    loop: Pick<LoopView, 'health' | 'oldestWaitingMs' | 'exports' | 'waitingTables'>,
    totals: Totals,
  ) {
    this.#bus = bus;
    this.#loop = loop;
    this.#totals = totals;
  }

  state(): RunState {
    return this.#loop.health.state;
  }

  /** Returns whether this process holds the bus, and the lock file names it. */
  async holdsLock(): Promise<boolean> {
    try {
      this.#bus.assertHeld();
    } catch {
      return false;
    }
    const text = await readFile(lockFileOf(this.#bus.config.duckdbPath), 'utf8').catch(() => '');
    return new RegExp(`"pid": ${process.pid}\\b`).test(text);
  }

  /** How many folders there are; those in the inbox with or without COMMIT. */
  queue(): Promise<{ inbox: number; claimed: number }> {
    const started = this.#bus.elapsed();
    if (this.#queue !== undefined && started < this.#queue.goodUntil) return this.#queue.counted;
    const queue = { goodUntil: Number.POSITIVE_INFINITY, counted: countQueue(this.#bus.layout) };
    this.#queue = queue;
    const rest = () => {
      const ended = this.#bus.elapsed();
      queue.goodUntil = ended + restPerWork * (ended - started);
    };
    queue.counted.then(rest, rest);
    return queue.counted;
  }

  oldestJobAgeS(): number {
    const since = this.#loop.oldestWaitingMs;
    return since === undefined ? 0 : Math.max(0, this.#bus.now() - since) / 1000;
  }

  stuckForS(): number {
    return this.#loop.health.stuckForMs / 1000;
  }

  lastSeq(): number {
    return this.#bus.journal.lastSeq;
  }

  lastCommitAtS(): number | undefined {
    const at = this.#totals.now.lastCommittedAtMs;
    return at === undefined ? undefined : at / 1000;
  }

  storeArtifacts(): number {
    return this.#totals.now.artifacts;
  }

  storeBytes(): number {
    return this.#totals.now.bytes;
  }

  /** Returns the state of the last scrub; undefined before the first. One scrape reads it once. */
  scrub(): ScrubState | undefined {
    if (this.#scrub === undefined) {
      this.#scrub = { state: readScrubState(this.#bus.layout.root) };
      setImmediate(() => {
        this.#scrub = undefined;
      });
    }
    return this.#scrub.state;
  }

  waitingTables(): number {
    return this.#loop.waitingTables.length;
  }

  segments(): number {
    return this.#bus.journal.segments.length;
  }

  hotCommits(): number {
    return this.#bus.journal.hotCommits.length;
  }

  async journalBytes(): Promise<number> {
    const { journal, layout } = this.#bus;
    const hot = await Promise.all(
      journal.hotCommits.map(seq =>
        stat(join(layout.hot, seqName(seq), 'commit.parquet')).then(
          ({ size }) => size,
          () => 0, // compacted in between
        ),
      ),
    );
    return [...hot, ...journal.segments.map(({ bytes }) => bytes)].reduce((sum, bytes) => sum + bytes, 0);
  }

  async exports(): Promise<
    { name: string; ok: boolean; upToDate: boolean; writtenAtS: number | undefined; bytes: number | undefined }[]
  > {
    return (await this.#loop.exports()).map(({ name, entry, upToDate, writtenAtMs }) => ({
      name,
      ok: entry?.ok ?? true,
      upToDate,
      writtenAtS: writtenAtMs === undefined ? undefined : writtenAtMs / 1000,
      bytes: entry?.bytes ?? undefined,
    }));
  }
}
