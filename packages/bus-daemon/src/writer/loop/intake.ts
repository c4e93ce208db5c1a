import { systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import type { ClaimedJob } from '../job.js';
import { type Claims, claim } from '../stages/claim.js';
import { discover } from '../stages/discover.js';
import { Backlog } from './backlog.js';

/**
 * The pause between scans of the inbox, as a multiple of a scan's time: while jobs wait, and while
 * none do.
 */
const restWhileJobsWait = 50;
const restWhileIdle = 10;
/** A slower scan (milliseconds) has many names that are not jobs. */
const slowScanMs = 20;

/** Jobs between the inbox and a batch: found, being claimed, claimed. */
export class Intake {
  readonly #bus: Bus;
  readonly #found: Backlog;
  readonly #slowScanMs: number;
  #looking: Promise<void> | undefined;
  /** End and duration of the last scan (milliseconds). */
  #scan = { endedAt: Number.NEGATIVE_INFINITY, tookMs: 0 };
  /** Claims in progress on another thread. */
  #claiming: Promise<Claims> | undefined;
  #claimed: ClaimedJob[] = [];
  /** Whether jobs with artifacts stay in the inbox. */
  takesOnlyOperations = false;
  /** Names of jobs that could not be claimed and were reported. */
  #refused = new Set<string>();

  /** @param options the duration of a slow scan, in milliseconds. */
  constructor(bus: Bus, options: { slowScanMs?: number } = {}) {
    this.#bus = bus;
    this.#found = new Backlog(bus);
    this.#slowScanMs = options.slowScanMs ?? slowScanMs;
  }

  /** Whether jobs that may be taken are known to wait. */
  get hasWaiting(): boolean {
    if (this.#claimed.length > 0 || this.#claiming !== undefined) return true;
    return this.#found.size > 0 && !this.takesOnlyOperations;
  }

  /** Whether a claim ahead of its turn would delay a producer with few jobs. */
  get isShared(): boolean {
    return this.#found.isShared;
  }

  /** The submission times of the oldest waiting jobs (milliseconds). */
  get oldest(): (number | undefined)[] {
    return [this.#claimed[0]?.submittedAtMs, this.#found.oldestAt];
  }

  /** Notes an event on a name of the inbox. */
  hint(name: string): void {
    this.#found.hint(name);
  }

  /** Adds jobs that are already in `claimed/`. */
  putBack(jobs: readonly ClaimedJob[]): void {
    this.#claimed = [...jobs];
  }

  /** Returns the claimed jobs for a batch, after a look into the inbox if there are none. */
  async claimed(): Promise<readonly ClaimedJob[]> {
    if (this.#claimed.length === 0) this.#claimed = await this.#claims();
    if (this.#claimed.length === 0) {
      if (this.#found.size === 0) await this.#lookForFirst();
      this.#claimNext({ isFirst: true });
      this.#claimed = await this.#claims();
    }
    return this.#claimed;
  }

  /** Keeps only some claimed jobs. The next claims are made ahead of the batch that needs them. */
  keepOnly(stays: (job: ClaimedJob) => boolean): void {
    this.#claimed = this.#claimed.filter(stays);
    if (this.#claimed.length === 0 && !this.#found.isShared) this.#claimNext({ isFirst: false });
  }

  /** Waits for claims in progress, and then drops all claimed jobs. They stay in `claimed/`. */
  async forgetClaims(): Promise<void> {
    await this.#claims().catch(() => {});
    await this.#looking;
    this.#claimed = [];
  }

  #claimNext(options: { isFirst: boolean }): void {
    if (this.#found.size === 0 || this.#claiming !== undefined) return;
    this.#lookForMore();
    const taken = this.takesOnlyOperations ? this.#found.takeOperations() : this.#found.take(options);
    if (taken.length === 0) return;
    this.#claiming = claim(this.#bus, taken);
    this.#claiming.catch(() => {}); // the taker gets the error
  }

  async #claims(): Promise<ClaimedJob[]> {
    const claiming = this.#claiming;
    this.#claiming = undefined;
    if (claiming === undefined) return [];
    const { jobs, left, refused } = await claiming;
    this.#found.add(left);
    this.#tell(refused);
    return jobs;
  }

  /** If scans are slow, scan rarely, and examine the names with events meanwhile. */
  async #lookForFirst(): Promise<void> {
    this.#found.lookAtHints();
    if (this.#scan.tookMs <= this.#slowScanMs || this.#mayScan(restWhileIdle)) await this.#look();
  }

  #mayScan(rest: number): boolean {
    const { endedAt, tookMs } = this.#scan;
    return this.#bus.elapsed() >= endedAt + Math.max(this.#bus.config.pollIntervalMs, tookMs * rest);
  }

  /** New jobs must not wait for all earlier ones. */
  #lookForMore(): void {
    this.#found.lookAtHints();
    if (!this.#mayScan(restWhileJobsWait)) return;
    this.#looking ??= this.#look()
      .catch(() => {}) // the next awaited look reports it
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    const from = this.#bus.elapsed();
    this.#found.add(await discover(this.#bus, name => this.#found.has(name)));
    const endedAt = this.#bus.elapsed();
    this.#scan = { endedAt, tookMs: endedAt - from };
    this.#refused = new Set([...this.#refused].filter(name => this.#found.has(name)));
  }

  /** Reports a job that cannot be moved only once, although every look finds it. */
  #tell(refused: Claims['refused']): void {
    for (const { job, error } of refused) {
      const name = String(job.name);
      if (this.#refused.has(name)) continue;
      this.#refused.add(name);
      const hint =
        systemErrorCode(error) === 'EXDEV'
          ? 'Copy its folder out of the inbox, remove it there, and move the copy back. Keep bus_root on a volume, not in a layer of an image.'
          : 'Make its folder writable for the daemon.';
      this.#bus.logger.warn({ job: name, err: error, hint }, 'a job cannot be moved out of the inbox; others continue');
    }
  }
}
