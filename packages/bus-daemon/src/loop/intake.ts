import type { Bus } from '../bus.js';
import { type Claims, claim } from '../stages/claim.js';
import { discover } from '../stages/discover.js';
import type { ClaimedJob, FoundJob } from '../stages/job.js';

/** Jobs on their way from the inbox into a batch: found, being claimed, claimed. */
export class Intake {
  readonly #bus: Bus;
  #found: FoundJob[] = [];
  /** Claims that another thread is making meanwhile. */
  #claiming: Promise<Claims> | undefined;
  #claimed: ClaimedJob[] = [];
  /** Names of jobs that could not be claimed, which has been told. */
  #refused = new Set<string>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Whether jobs are known to wait. */
  get hasWaiting(): boolean {
    return this.#claimed.length + this.#found.length > 0 || this.#claiming !== undefined;
  }

  /** When the oldest of them were submitted (milliseconds). */
  get oldest(): (number | undefined)[] {
    return [this.#claimed[0]?.submittedAtMs, this.#found[0]?.committedAtMs];
  }

  /** Jobs that lie in `claimed/` already. */
  putBack(jobs: readonly ClaimedJob[]): void {
    this.#claimed = [...jobs];
  }

  /** The claimed jobs of which a batch can be made; a look into the inbox if none are known. */
  async claimed(): Promise<readonly ClaimedJob[]> {
    if (this.#claimed.length === 0) this.#claimed = await this.#claims();
    if (this.#claimed.length === 0) {
      if (this.#found.length === 0) await this.#look();
      this.#claimNext();
      this.#claimed = await this.#claims();
    }
    return this.#claimed;
  }

  /** Takes out what goes its way; the next claims are made ahead of the batch that needs them. */
  keepOnly(stays: (job: ClaimedJob) => boolean): void {
    this.#claimed = this.#claimed.filter(stays);
    if (this.#claimed.length === 0) this.#claimNext();
  }

  /** Forgets what was claimed, which lies in `claimed/`, once no claim is under way any more. */
  async forgetClaims(): Promise<void> {
    await this.#claims().catch(() => {});
    this.#claimed = [];
  }

  #claimNext(): void {
    if (this.#found.length === 0 || this.#claiming !== undefined) return;
    this.#claiming = claim(this.#bus, this.#found.splice(0, this.#bus.config.batch.maxJobs));
    this.#claiming.catch(() => {}); // whoever takes them hears of it
  }

  async #claims(): Promise<ClaimedJob[]> {
    const claiming = this.#claiming;
    this.#claiming = undefined;
    if (claiming === undefined) return [];
    const { jobs, left, refused } = await claiming;
    this.#found.unshift(...left);
    this.#tell(refused);
    return jobs;
  }

  async #look(): Promise<void> {
    this.#found = await discover(this.#bus);
    if (this.#refused.size > 0)
      this.#refused = new Set(this.#found.map(({ name }) => String(name)).filter(name => this.#refused.has(name)));
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
