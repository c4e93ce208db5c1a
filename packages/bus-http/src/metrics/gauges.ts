import type { Space } from '@quantbot/bus-format';
import type { RunState } from '../view/events.js';
import type { LoopView } from '../view/loop-view.js';
import type { VisibleBus } from '../view/visible-bus.js';

/**
 * An answer is reused for this many times the duration that it took. A folder of a hundred thousand
 * jobs is listed rarely, a small one at each request.
 */
const restPerWork = 20;
/** The store is added up at most this often for a page, and for scrapes, which never end. */
const spaceEveryMs = 5_000;
const scrapedSpaceEveryMs = 600_000;

/** Values that are read when they are requested. */
export class Gauges {
  readonly #bus: VisibleBus;
  readonly #loop: Pick<LoopView, 'health' | 'oldestWaitingMs' | 'exports' | 'waitingTables'>;
  /**
   * Returns the number of jobs that have not settled. On one machine, jobs in the inbox count with
   * or without COMMIT.
   */
  readonly queue: () => Promise<{ inbox: number; claimed: number }>;
  /** Returns who uses the store. */
  readonly space: () => Promise<Space>;
  /** {@link space} as it was at most ten minutes ago. */
  readonly scrapedSpace: () => Promise<Space>;

  /** @param space adds up the store. */
  constructor(
    bus: VisibleBus,
    loop: Pick<LoopView, 'health' | 'oldestWaitingMs' | 'exports' | 'waitingTables'>,
    space: () => Promise<Space>,
  ) {
    this.#bus = bus;
    this.#loop = loop;
    this.queue = reused(() => bus.queue(), bus.elapsed);
    this.space = reused(space, bus.elapsed, spaceEveryMs);
    this.scrapedSpace = reused(this.space, bus.elapsed, scrapedSpaceEveryMs);
  }

  state(): RunState {
    return this.#loop.health.state;
  }

  oldestJobAgeS(): number {
    const since = this.#loop.oldestWaitingMs;
    return since === undefined ? 0 : Math.max(0, this.#bus.now() - since) / 1000;
  }

  stuckForS(): number {
    return this.#loop.health.stuckForMs / 1000;
  }

  async lastSeq(): Promise<number> {
    await this.#bus.totals();
    return this.#bus.lastSeq;
  }

  async lastCommitAtS(): Promise<number | undefined> {
    const at = (await this.#bus.totals()).lastCommittedAtMs;
    return at === undefined ? undefined : at / 1000;
  }

  async storeArtifacts(): Promise<number> {
    return (await this.#bus.totals()).artifacts;
  }

  async storeBytes(): Promise<number> {
    return (await this.#bus.totals()).bytes;
  }

  waitingTables(): number {
    return this.#loop.waitingTables.length;
  }

  async exports(): Promise<
    { name: string; ok: boolean; upToDate: boolean; writtenAtS: number | undefined; bytes: number | undefined }[]
  > {
    return (await this.#loop.exports()).map(({ name, ok, upToDate, writtenAtMs, bytes }) => ({
      name,
      ok: ok ?? true,
      upToDate,
      writtenAtS: writtenAtMs === undefined ? undefined : writtenAtMs / 1000,
      bytes: bytes ?? undefined,
    }));
  }
}

/** Reuses an answer for as long as its cost demands, and at least `leastMs`. */
function reused<T>(read: () => Promise<T>, elapsed: () => number, leastMs = 0): () => Promise<T> {
  let last: { goodUntil: number; answer: Promise<T> } | undefined;
  return () => {
    const started = elapsed();
    if (last !== undefined && started < last.goodUntil) return last.answer;
    const now = { goodUntil: Number.POSITIVE_INFINITY, answer: read() };
    last = now;
    const rest = () => {
      const ended = elapsed();
      now.goodUntil = ended + Math.max(leastMs, restPerWork * (ended - started));
    };
    now.answer.then(rest, rest);
    return now.answer;
  };
}
