import { fileNames } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import type { FoundJob } from '../job.js';
import { findJob, inInbox } from '../stages/discover.js';
import { FairQueue } from './fair-queue.js';
import { isOwnProducer, ownProducer, producerOf, unread } from './producers.js';

/** Manifests per request. */
const readAtOnce = 1000;
/**
 * While a producer with few jobs competes with one that has most of the queue, a batch gets only
 * this share, so that the next turn comes soon.
 */
const smallShare = 1 / 4;
/** Jobs that fit into this share of a batch are taken at once, whatever their producer. */
const atOnceShare = 1 / 4;
/** A producer counts as active for this long after its turn. */
const activeMs = 5_000;
const maxHints = 10_000;

/**
 * The known waiting jobs of the inbox. Producers take turns, and the jobs of each producer keep
 * their order.
 *
 * If more jobs wait than one batch takes, a thread reads the manifests of our own user's jobs,
 * oldest first, to tell producers apart. No unread job is taken before a read one: it may be a
 * later job of the same producer.
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

  /** The submission time of the oldest job (milliseconds). */
  get oldestAt(): number | undefined {
    return this.#jobs.oldestAt;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Adds unknown jobs. */
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

  /** Notes an event on a name of the inbox. */
  hint(name: string): void {
    if (this.#hints.size < maxHints) this.#hints.add(name); // the next scan finds the rest
  }

  /** Examines the names with events. While jobs wait, a full scan would cost too much. */
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

  /** Removes and returns the next jobs: at most one batch. */
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
   * Whether a producer with few jobs competes with one that has most of the queue. Claiming ahead
   * would make it wait.
   */
  get isShared(): boolean {
    return this.#isShared;
  }

  #batchSize(turns: readonly string[]): number {
    const { maxJobs } = this.#bus.config.batch;
    const now = this.#bus.elapsed();
    for (const [producer, at] of this.#active) if (now - at > activeMs) this.#active.delete(producer);
    for (const producer of turns) this.#active.set(producer, now);
    // They belong to the same producers, before their manifests were read.
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
        // Some jobs may have been taken meanwhile.
        const read = this.#jobs.remove(unread, job => producers.has(job));
        for (const { name } of read) this.#names.delete(String(name));
        this.add(read.map(job => ({ ...job, producer: producers.get(job) ?? unread })));
      }
    } catch (error) {
      this.#bus.logger.debug({ err: error }, 'the producers of waiting jobs could not be read'); // treat them as one producer
    } finally {
      this.#reading = false;
    }
  }

  #unreadJobs(): FoundJob[] {
    return this.size > this.#bus.config.batch.maxJobs ? this.#jobs.peek(unread, readAtOnce) : [];
  }

  /** A name that is not UTF-8 cannot be looked up; our own producers never create one. */
  #orderOf({ name }: FoundJob): { manifest: string } {
    return { manifest: String(inInbox(this.#bus.layout.inbox, name, fileNames.manifest)) };
  }
}
