import type { Bus } from '../bus.js';
import { type Claims, claim } from '../stages/claim.js';
import { discover } from '../stages/discover.js';
import type { ClaimedJob } from '../stages/job.js';
import { Backlog } from './backlog.js';

/** While jobs wait, the inbox is scanned again only after this many times what a scan has taken. */
const restOfScan = 50;

/** Jobs on their way from the inbox into a batch: found, being claimed, claimed. */
export class Intake {
  readonly #bus: Bus;
  readonly #found: Backlog;
  #looking: Promise<void> | undefined;
  #lookAgainAt = 0;
  /** Claims that another thread is making meanwhile. */
  #claiming: Promise<Claims> | undefined;
  #claimed: ClaimedJob[] = [];
  /** Names of jobs that could not be claimed, which has been told. */
  #refused = new Set<string>();

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#found = new Backlog(bus);
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
      if (this.#found.size === 0) await this.#look();
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

  /** What has come meanwhile must not wait for all that came before it. */
  #lookForMore(): void {
    this.#found.lookAtHints();
    if (this.#bus.elapsed() < this.#lookAgainAt) return;
    this.#looking ??= this.#look()
      .catch(() => {}) // the next look, which is waited for, says so
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    const from = this.#bus.elapsed();
    this.#found.add(await discover(this.#bus, name => this.#found.has(name)));
    const now = this.#bus.elapsed();
    this.#lookAgainAt = now + Math.max(this.#bus.config.pollIntervalMs, (now - from) * restOfScan);
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
