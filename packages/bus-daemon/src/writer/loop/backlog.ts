import { findWaiting, inInbox } from '@quantbot/bus-format/state';
import { fileNames } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { isOperation, readProducer } from '../file-thread/read-producers.js';
import type { FoundJob } from '../job.js';
import { FairQueue } from './fair-queue.js';
import { isOwnProducer, ownProducer, producerOf, unread } from './producers.js';

/** Manifests per request. */
const readAtOnce = 1000;
/**
 * A producer has few jobs if at most this share of a batch of them waits. A turn of such producers
 * takes all of their jobs.
 */
const fewShare = 1 / 4;
/**
 * While a producer with few jobs is active, a batch with jobs of others gets only this share. It
 * then takes about twice as long as a batch of one job.
 */
const besideFewShare = 1 / 32;
/**
 * If many jobs wait and none was claimed ahead, the first batch has at most this many: until it is
 * verified, the threads that store have nothing to do.
 */
const firstJobs = 64;
/** A producer counts as active for this long after its turn. */
const activeMs = 10_000;
/** If at most this many jobs are new, their manifests are read before the next batch is taken. */
const readAtHints = 16;
const maxHints = 10_000;
/** Manifests of one producer that are read in one turn to find operations. */
const maxLooks = 1_000;

/**
 * The known waiting jobs of the inbox. Producers take turns, and the jobs of each producer keep
 * their order.
 *
 * If more jobs wait than one batch takes, a thread reads the manifests of our own user's jobs whose
 * ids name no producer, oldest first. No unread job is taken before a read one then: it may be a
 * later job of the same producer.
 */
export class Backlog {
  readonly #bus: Bus;
  readonly #jobs = new FairQueue<FoundJob>(({ submittedAtMs }) => submittedAtMs);
  readonly #names = new Set<string>();
  readonly #hints = new Set<string>();
  #lastTaken = new Set<string>();
  readonly #noOperations = new WeakSet<FoundJob>();
  /** When each producer last had a turn. */
  readonly #active = new Map<string, number>();
  #reading = false;
  #isShared = false;
  #fewWereNext = false;

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
      const job = findWaiting(this.#bus.layout.inbox, name);
      if (job !== undefined) jobs.push(job);
    }
    this.#hints.clear();
    this.add(this.#isCrowded && jobs.length <= readAtHints ? this.#readNow(jobs) : jobs);
  }

  /** Removes and returns the next jobs: at most one batch, or a first one. */
  take({ isFirst }: { isFirst: boolean }): FoundJob[] {
    const isCrowded = this.#isCrowded;
    const all = this.#jobs.producers;
    const turns = isCrowded && all.some(isOwnProducer) ? all.filter(producer => producer !== unread) : all;
    const { count, of } = this.#turn(turns);
    const most = isFirst && isCrowded ? Math.min(count, firstJobs) : count;
    const taken = this.#jobs.take(most, producer => of.includes(producer));
    this.#lastTaken = new Set(taken.map(({ name }) => String(name)));
    for (const name of this.#lastTaken) this.#names.delete(name);
    if (isCrowded && !this.#reading) void this.#readManifests();
    return taken;
  }

  /**
   * Removes and returns operations, at most one batch. Each manifest is read once, and some of them
   * in one turn.
   */
  takeOperations(): FoundJob[] {
    const taken: FoundJob[] = [];
    for (const producer of this.#jobs.producers) {
      const all = this.#jobs.peek(producer, this.#jobs.sizeOf(producer));
      const looked = all.filter(job => !this.#noOperations.has(job)).slice(0, maxLooks);
      const operations = new Set(looked.filter(job => isOperation(manifestInInbox(this.#bus, job))));
      for (const job of looked) if (!operations.has(job)) this.#noOperations.add(job);
      if (operations.size > 0) taken.push(...this.#jobs.remove(producer, job => operations.has(job)));
      if (taken.length >= this.#bus.config.batch.maxJobs) break;
    }
    for (const { name } of taken) this.#names.delete(String(name));
    return taken;
  }

  /**
   * Whether a producer with few jobs competes with one that has many. Claiming ahead would make it
   * wait.
   */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** Whether more jobs wait than one batch takes, so that their producers count. */
  get #isCrowded(): boolean {
    return this.size > this.#bus.config.batch.maxJobs;
  }

  /**
   * Returns who has the next turn, and how many of their jobs are taken. Every second turn is for
   * all, so that producers with few jobs do not block the others.
   */
  #turn(turns: readonly string[]): { count: number; of: readonly string[] } {
    const { maxJobs } = this.#bus.config.batch;
    const hasFew = (producer: string) => this.#jobs.sizeOf(producer) <= maxJobs * fewShare;
    this.#noteActive(turns);
    const many = turns.filter(producer => !hasFew(producer));
    this.#isShared = many.length > 0 && [...this.#active.keys()].some(hasFew);
    const few = turns.filter(hasFew);
    this.#fewWereNext = this.#isShared && few.length > 0 && !this.#fewWereNext;
    if (!this.#isShared) return { count: maxJobs, of: turns };
    if (this.#fewWereNext) return { count: Math.ceil(maxJobs * fewShare), of: few };
    return { count: Math.max(Math.ceil(maxJobs * besideFewShare), many.length), of: turns };
  }

  #noteActive(turns: readonly string[]): void {
    const now = this.#bus.elapsed();
    for (const [producer, at] of this.#active) if (now - at > activeMs) this.#active.delete(producer);
    for (const producer of turns) this.#active.set(producer, now);
    // They belong to the same producers, before their manifests were read.
    if (turns.some(isOwnProducer)) this.#active.delete(unread);
  }

  /** While older jobs are unread, new ones stay unread too: they may be of the same producer. */
  #readNow(jobs: readonly FoundJob[]): FoundJob[] {
    if (this.#jobs.sizeOf(unread) > 0) return [...jobs];
    return jobs.map(job => (producerOf(job) === unread ? { ...job, producer: producerInInbox(this.#bus, job) } : job));
  }

  async #readManifests(): Promise<void> {
    this.#reading = true;
    try {
      for (let jobs = this.#unreadJobs(); jobs.length > 0; jobs = this.#unreadJobs()) {
        const named = await this.#bus.files.request({
          task: 'producer',
          orders: jobs.map(job => ({ manifest: manifestInInbox(this.#bus, job) })),
        });
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
    return this.#isCrowded ? this.#jobs.peek(unread, readAtOnce) : [];
  }
}

/** A name that is not UTF-8 cannot be looked up; our own producers never create one. */
const manifestInInbox = ({ layout }: Bus, { name }: FoundJob): string =>
  String(inInbox(layout.inbox, name, fileNames.manifest));

const producerInInbox = (bus: Bus, job: FoundJob): string => ownProducer(readProducer(manifestInInbox(bus, job)));
