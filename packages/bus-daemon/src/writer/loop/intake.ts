import type { Bus } from '../bus.js';
import type { ClaimedJob } from '../job.js';
import { type Claims, claim } from '../stages/claim.js';
import { discover } from '../stages/discover.js';
import { Backlog } from './backlog.js';

/**
 * The inbox is scanned again after this many times what a scan has taken: while jobs wait, and
 * while none do.
 */
const restWhileJobsWait = 50;
const restWhileIdle = 10;
/** A scan that takes longer (milliseconds) has much to look at that is no job. */
const slowScanMs = 20;

/** Jobs on their way from the inbox into a batch: found, being claimed, claimed. */
export class Intake {
  readonly #bus: Bus;
  readonly #found: Backlog;
  readonly #slowScanMs: number;
  #looking: Promise<void> | undefined;
  /** When the last scan of the inbox ended, and how long it took (milliseconds). */
  #scan = { endedAt: Number.NEGATIVE_INFINITY, tookMs: 0 };
  /** Claims that another thread is making meanwhile. */
  #claiming: Promise<Claims> | undefined;
  #claimed: ClaimedJob[] = [];
  /** Names of jobs that could not be claimed, which has been told. */
  #refused = new Set<string>();

  /** @param options what a slow scan is, in milliseconds. */
  constructor(bus: Bus, options: { slowScanMs?: number } = {}) {
    this.#bus = bus;
    this.#found = new Backlog(bus);
    this.#slowScanMs = options.slowScanMs ?? slowScanMs;
  }

  /** Whether jobs are known to wait. */
  get hasWaiting(): boolean {
    return this.#claimed.length + this.#found.size > 0 || this.#claiming !== undefined;
  }

  /** When the oldest of them were submitted (milliseconds). */
  get oldest(): (number | undefined)[] {
    return [this.#claimed[0]?.submittedAtMs, this.#found.oldestAt];
  }

  /** Something has happened to a name of the inbox. */
  hint(name: string): void {
    this.#found.hint(name);
  }

  /** Jobs that lie in `claimed/` already. */
  putBack(jobs: readonly ClaimedJob[]): void {
    this.#claimed = [...jobs];
  }

  /** The claimed jobs of which a batch can be made; a look into the inbox if none are known. */
  async claimed(): Promise<readonly ClaimedJob[]> {
    if (this.#claimed.length === 0) this.#claimed = await this.#claims();
    if (this.#claimed.length === 0) {
      if (this.#found.size === 0) await this.#lookForFirst();
      this.#claimNext();
      this.#claimed = await this.#claims();
    }
    return this.#claimed;
  }

  /** Takes out what goes its way; the next claims are made ahead of the batch that needs them. */
  keepOnly(stays: (job: ClaimedJob) => boolean): void {
    this.#claimed = this.#claimed.filter(stays);
    if (this.#claimed.length === 0 && !this.#found.isShared) this.#claimNext();
  }

  /** Forgets what was claimed, which lies in `claimed/`, once no claim is under way any more. */
  async forgetClaims(): Promise<void> {
    await this.#claims().catch(() => {});
    await this.#looking;
    this.#claimed = [];
  }

  #claimNext(): void {
    if (this.#found.size === 0 || this.#claiming !== undefined) return;
    this.#lookForMore();
    this.#claiming = claim(this.#bus, this.#found.take());
    this.#claiming.catch(() => {}); // whoever takes them hears of it
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

  /**
   * Where a scan takes long, it is made now and then only, and meanwhile what the system tells of
   * is looked at.
   */
  async #lookForFirst(): Promise<void> {
    this.#found.lookAtHints();
    if (this.#scan.tookMs <= this.#slowScanMs || this.#mayScan(restWhileIdle)) await this.#look();
  }

  #mayScan(rest: number): boolean {
    const { endedAt, tookMs } = this.#scan;
    return this.#bus.elapsed() >= endedAt + Math.max(this.#bus.config.pollIntervalMs, tookMs * rest);
  }

  /** What has come meanwhile must not wait for all that came before it. */
  #lookForMore(): void {
    this.#found.lookAtHints();
    if (!this.#mayScan(restWhileJobsWait)) return;
    this.#looking ??= this.#look()
      .catch(() => {}) // the next look, which is waited for, says so
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

  /** A job that may not be moved is met at every look, and told of once. */
  #tell(refused: Claims['refused']): void {
    for (const { job, error } of refused) {
      const name = String(job.name);
      if (this.#refused.has(name)) continue;
      this.#refused.add(name);
      this.#bus.logger.warn(
        { job: name, err: error },
        'a job cannot be taken out of the inbox; make its folder writable for the daemon',
      );
    }
  }
}
