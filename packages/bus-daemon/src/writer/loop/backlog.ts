import { fileNames } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import type { FoundJob } from '../job.js';
import { findJob, inInbox } from '../stages/discover.js';
import { FairQueue } from './fair-queue.js';
import { isOwnProducer, ownProducer, producerOf, unread } from './producers.js';

/** So many manifests are asked for at once. */
const readAtOnce = 1000;
/**
 * While a producer of few jobs is active beside one that has most of what waits, a batch has this
 * share of what it may have, so that the next turn comes soon.
 */
const smallShare = 1 / 4;
/** What fits into this share of a batch is taken at once, whosever it is. */
const atOnceShare = 1 / 4;
/** A producer whose turn it was is active for this long. */
const activeMs = 5_000;
const maxHints = 10_000;

/**
 * The jobs that are known to wait in the inbox. Producers take turns, and each one's jobs are taken
 * in their order.
 *
 * Where more wait than are taken at once, our own user's jobs are told apart by their manifests,
 * which a thread reads beside, from the oldest on. Of those that it has not read, none is taken
 * before one that it has: it may be a later one of the same producer.
 */
export class Backlog {
  readonly #bus: Bus;
  readonly #jobs = new FairQueue<FoundJob>(({ committedAtMs }) => committedAtMs);
  readonly #names = new Set<string>();
  readonly #hints = new Set<string>();
  #lastTaken = new Set<string>();
  /** When each producer last had a turn. */
  readonly #active = new Map<string, number>();
  #reading = false;
  #isShared = false;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** When the oldest was submitted (milliseconds). */
  get oldestAt(): number | undefined {
    return this.#jobs.oldestAt;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Takes up jobs that it does not know. */
  add(jobs: readonly FoundJob[]): void {
    const groups = new Map<string, FoundJob[]>();
    for (const job of jobs) {
      const name = String(job.name);
      if (this.#names.has(name)) continue;
      this.#names.add(name);
      const producer = job.producer ?? producerOf(job);
      const group = groups.get(producer);
      if (group === undefined) groups.set(producer, [{ ...job, producer }]);
      else group.push({ ...job, producer });
    }
    for (const [producer, group] of groups) this.#jobs.add(producer, group);
  }

  /** Notes that something has happened to a name of the inbox. */
  hint(name: string): void {
    if (this.#hints.size < maxHints) this.#hints.add(name); // the next scan finds the others
  }

  /**
   * Looks at the names of which there was a hint: while jobs wait, a scan of all of them would cost
   * too much.
   */
  lookAtHints(): void {
    const jobs: FoundJob[] = [];
    for (const name of this.#hints) {
      if (this.#names.has(name) || this.#lastTaken.has(name)) continue;
      const job = findJob(this.#bus.layout.inbox, name);
      if (job !== undefined) jobs.push(job);
    }
    this.#hints.clear();
    this.add(jobs);
  }

  /** Takes out those whose turn it is: as many as one batch may have, at most. */
  take(): FoundJob[] {
    const { maxJobs } = this.#bus.config.batch;
    const all = this.#jobs.producers;
    const turns = all.some(isOwnProducer) ? all.filter(producer => producer !== unread) : all;
    const mustTell = this.#jobs.size > maxJobs;
    const taken = this.#jobs.take(this.#batchSize(turns), producer => turns.includes(producer));
    this.#lastTaken = new Set(taken.map(({ name }) => String(name)));
    for (const name of this.#lastTaken) this.#names.delete(name);
    if (mustTell && !this.#reading) void this.#readManifests();
    return taken;
  }

  /**
   * Whether a producer of few jobs is active beside one that has most of what waits: what is taken
   * ahead of its turn keeps it waiting.
   */
  get isShared(): boolean {
    return this.#isShared;
  }

  #batchSize(turns: readonly string[]): number {
    const { maxJobs } = this.#bus.config.batch;
    const now = this.#bus.elapsed();
    for (const [producer, at] of this.#active) if (now - at > activeMs) this.#active.delete(producer);
    for (const producer of turns) this.#active.set(producer, now);
    // They were the same producers, before anybody had looked.
    if (turns.some(isOwnProducer)) this.#active.delete(unread);
    const producers = [...this.#active.keys()];
    const hasFew = (producer: string) => this.#jobs.sizeOf(producer) < maxJobs / producers.length;
    const hasMost = (producer: string) => this.#jobs.sizeOf(producer) > this.size / 2;
    const isUneven = producers.length > 1 && producers.some(hasFew) && producers.some(hasMost);
    this.#isShared = isUneven && this.size > maxJobs * atOnceShare;
    if (!this.#isShared) return maxJobs;
    return Math.min(maxJobs, Math.max(Math.ceil(maxJobs * smallShare), producers.length));
  }

  async #readManifests(): Promise<void> {
    this.#reading = true;
    try {
      for (let jobs = this.#unreadJobs(); jobs.length > 0; jobs = this.#unreadJobs()) {
        const named = await this.#bus.files.request({ task: 'producer', orders: jobs.map(job => this.#orderOf(job)) });
        const producers = new Map(jobs.map((job, index) => [job, ownProducer(named[index] ?? '')]));
        // Some may have been taken meanwhile.
        const read = this.#jobs.remove(unread, job => producers.has(job));
        for (const { name } of read) this.#names.delete(String(name));
        this.add(read.map(job => ({ ...job, producer: producers.get(job) ?? unread })));
      }
    } catch (error) {
      this.#bus.logger.debug({ err: error }, 'the producers of waiting jobs could not be read'); // they wait as one
    } finally {
      this.#reading = false;
    }
  }

  #unreadJobs(): FoundJob[] {
    return this.size > this.#bus.config.batch.maxJobs ? this.#jobs.peek(unread, readAtOnce) : [];
  }

  /** Under a name that is not UTF-8, nothing is found: no producer of ours makes such. */
  #orderOf({ name }: FoundJob): { manifest: string } {
    return { manifest: String(inInbox(this.#bus.layout.inbox, name, fileNames.manifest)) };
  }
}
