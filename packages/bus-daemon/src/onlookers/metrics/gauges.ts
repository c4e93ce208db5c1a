import type { RunState } from '../../writer/events.js';
import type { LoopView } from '../../writer/loop/loop-view.js';
import type { VisibleBus } from '../../writer/onlooker.js';

/**
 * A count is reused for this many times the duration that it took. A folder of a hundred thousand
 * jobs is listed rarely, a small one at each request.
 */
const restPerWork = 20;

/** Values that are read when they are requested. */
export class Gauges {
  readonly #bus: VisibleBus;
  readonly #loop: Pick<LoopView, 'health' | 'oldestWaitingMs' | 'exports' | 'waitingTables'>;
  #queue: { goodUntil: number; counted: Promise<{ inbox: number; claimed: number }> } | undefined;

  constructor(bus: VisibleBus, loop: Pick<LoopView, 'health' | 'oldestWaitingMs' | 'exports' | 'waitingTables'>) {
    this.#bus = bus;
    this.#loop = loop;
  }

  state(): RunState {
    return this.#loop.health.state;
  }

  /**
   * Returns the number of jobs that have not settled. On one machine, jobs in the inbox count with
   * or without COMMIT.
   */
  queue(): Promise<{ inbox: number; claimed: number }> {
    const started = this.#bus.elapsed();
    if (this.#queue !== undefined && started < this.#queue.goodUntil) return this.#queue.counted;
    const queue = { goodUntil: Number.POSITIVE_INFINITY, counted: this.#bus.queue() };
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
