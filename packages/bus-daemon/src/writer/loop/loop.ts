import { type FSWatcher, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { dispositionOf, hintFor } from '@quantbot/bus-format';
import type { WaitingTable } from '@quantbot/bus-format/state';
import { type Backoff, waitAfter } from '../backoff.js';
import type { Bus } from '../bus.js';
import type { ExportState } from '../exports/exporter.js';
import { type CheckedJob, type ClaimedJob, isRejected } from '../job.js';
import { Publisher } from '../publish/publisher.js';
import { verify } from '../stages/verify.js';
import { Aside } from './aside.js';
import { splitBySize } from './batch-size.js';
import { Intake } from './intake.js';
import { LargeJobs } from './large-jobs.js';
import type { LoopView } from './loop-view.js';
import { Maintenance } from './maintenance.js';
import { commitBatch, settleBatch, timed } from './pipeline.js';
import { type LoopHealth, Pulse } from './pulse.js';
import { recoverClaimed, repairReceipts } from './recover.js';
import { StateFile } from './state-file.js';

const backoff: Backoff = { firstMs: 200, maxMs: 30_000 };

/** A batch with more artifacts is alone in memory. */
const mostArtifactsBesideAnother = 2000;

/** Claimed jobs, and what their verification says. */
interface Batch {
  jobs: ClaimedJob[];
  verified: Promise<CheckedJob[]>;
}

/** Wait, run a batch, back off, stop. It knows nothing of what a job is. */
export class Loop implements LoopView {
  readonly #bus: Bus;
  readonly drains: boolean;
  readonly #publisher: Publisher;
  readonly #maintenance: Maintenance;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  readonly #intake: Intake;
  #inHand: readonly ClaimedJob[] = [];
  /** The batch after the one in hand, which is being verified meanwhile. */
  #ahead: Batch | undefined;
  /** The batch before the one in hand, which is committed and being settled meanwhile. */
  #behind: { jobs: readonly ClaimedJob[]; settled: Promise<void> } | undefined;
  readonly #large: LargeJobs;
  readonly #aside: Aside;
  readonly #state: StateFile;
  readonly #pulse: Pulse;
  /**
   * True at start and after a failure: `claimed/` then holds jobs that the journal may or may not
   * have.
   */
  #mustRecover = true;
  /** Turns that failed, one after the other. */
  #failures = 0;
  #repair: Promise<void> | undefined;

  constructor(bus: Bus, drain: boolean) {
    this.#bus = bus;
    this.drains = drain;
    // What waits must not be missed at the end.
    this.#intake = new Intake(bus, drain ? { slowScanMs: Number.POSITIVE_INFINITY } : {});
    this.#aside = new Aside(bus);
    this.#pulse = new Pulse(bus);
    this.#large = new LargeJobs(bus, () => this.#wake.abort());
    this.#publisher = new Publisher(bus);
    this.#maintenance = new Maintenance(bus, this.#publisher);
    this.#state = new StateFile(bus, () => this.#maintenance.waitingTables);
  }

  get health(): LoopHealth {
    return this.#pulse.health;
  }

  get oldestWaitingMs(): number | undefined {
    const known = [this.#inHand[0]?.submittedAtMs, ...this.#intake.oldest];
    const waiting = known.filter(at => at !== undefined);
    return waiting.length === 0 ? undefined : Math.min(...waiting);
  }

  exports(): Promise<ExportState[]> {
    return this.#maintenance.exports();
  }

  get waitingTables(): readonly WaitingTable[] {
    return this.#maintenance.waitingTables;
  }

  /** Aborted when it has been asked to end. */
  get stopRequested(): AbortSignal {
    return this.#stopping.signal;
  }

  stop(): void {
    this.#stopping.abort();
    this.#wake.abort();
  }

  async run(): Promise<void> {
    const watcher = this.#watchInbox();
    try {
      this.#state.write('starting');
      await this.#maintenance.prepare();
      await this.#publisher.publish();
      this.#bus.logger.info({ lastSeq: this.#bus.journal.lastSeq, busRoot: this.#bus.layout.root }, 'bus daemon ready');
      while (!this.#stopping.signal.aborted) if ((await this.#turn()) === 'done') break;
    } finally {
      watcher?.close();
      this.#bus.inspector.close(); // nobody waits any more for what is being verified
      await this.#large.stop();
      await this.#ahead?.verified.catch(() => {});
      await this.#behind?.settled.catch(() => {});
      await this.#intake.forgetClaims();
      await this.#maintenance.stop();
      this.#publisher.close();
      await this.#repair;
      this.#state.remove();
    }
    this.#bus.logger.info({ lastSeq: this.#bus.journal.lastSeq }, 'bus daemon stopped');
  }

  async #turn(): Promise<'go on' | 'done'> {
    // Before looking, so that what arrives while we look ends the next wait at once.
    this.#wake = new AbortController();
    this.#pulse.beat();
    try {
      this.#bus.assertHeld();
      const did = await this.#runNextBatch();
      this.#failures = 0;
      this.#state.write('running');
      this.#maintenance.kick();
      if (did === 'worked') return 'go on';
      if (this.drains && !this.#large.busy) {
        await this.#finishMaintenance();
        return 'done';
      }
      await this.#waitForWork();
    } catch (error) {
      await this.#pause(error);
    }
    return 'go on';
  }

  async #runNextBatch(): Promise<'worked' | 'idle'> {
    if (this.#aside.isDue && this.#ahead === undefined) await this.#takeUpAgain();
    if (this.#mustRecover) {
      this.#intake.putBack(await recoverClaimed(this.#bus, claim => !this.#large.has(claim)));
      this.#mustRecover = false;
      this.#repair ??= this.#repairReceipts();
    }
    const large = this.#takeLarge();
    const batch = this.#ahead ?? (await this.#nextBatch());
    this.#ahead = undefined;
    this.#inHand = [...large, ...batch.jobs];
    if (this.#inHand.length === 0) {
      await this.#settleBehind();
      return this.#intake.hasWaiting ? 'worked' : 'idle';
    }
    const verified = await batch.verified;
    if (large.length + verified.length === 0) {
      await this.#settleBehind();
      this.#aside.succeeded(batch.jobs); // all of them were handed over
      return 'worked';
    }
    const committed = await commitBatch(this.#bus, [...large, ...verified], {
      beside: async () => {
        if (this.#mayLookAhead(verified)) this.#ahead = await this.#nextBatch();
      },
      afterCommit: () => this.#publisher.publishNewTables(),
    });
    await this.#settleBehind();
    this.#behind = { jobs: this.#inHand, settled: settleBatch(this.#bus, committed) };
    this.#behind.settled.catch(() => {}); // whoever waits for it hears of it
    this.#inHand = [];
    if (this.#aside.careful) await this.#settleBehind();
    return 'worked';
  }

  /**
   * Waits for the batch before to be settled. What goes wrong there is about its jobs; those in
   * hand are committed by now, or have not begun.
   */
  async #settleBehind(): Promise<void> {
    if (this.#behind === undefined) return;
    const { jobs, settled } = this.#behind;
    this.#behind = undefined;
    try {
      await settled;
    } catch (error) {
      this.#inHand = jobs;
      throw error;
    }
    this.#aside.succeeded(jobs);
  }

  /**
   * Only what is known to wait: a job that comes alone is not kept waiting for a look around. And
   * not two batches of many artifacts in memory at once.
   */
  #mayLookAhead(inHand: readonly CheckedJob[]): boolean {
    const artifacts = inHand.reduce((sum, job) => sum + (isRejected(job) ? 0 : job.artifacts.length), 0);
    const mayNot = this.#aside.careful || this.#aside.isDue;
    return !mayNot && this.#intake.hasWaiting && artifacts <= mostArtifactsBesideAnother;
  }

  /**
   * What was put aside lies in `claimed/`, and the journal may have it by now: it is found there,
   * as at a start.
   */
  async #takeUpAgain(): Promise<void> {
    await this.#settleBehind();
    await this.#intake.forgetClaims();
    this.#aside.release();
    this.#mustRecover = true;
  }

  #takeLarge(): CheckedJob[] {
    const failed = this.#large.takeFailed();
    if (failed === undefined) return this.#large.takeReady();
    this.#inHand = [failed.job];
    throw failed.error;
  }

  /** Claims jobs and begins to verify them. Large ones go their own way. */
  async #nextBatch(): Promise<Batch> {
    const { maxJobs, maxBytes } = this.#bus.config.batch;
    const claimed = this.#aside.nextBatch(await this.#intake.claimed(), maxJobs);
    const { batch: jobs, large } = splitBySize(claimed, maxBytes);
    for (const job of large) this.#large.add({ ...job, files: undefined }); // many may wait there
    const gone = new Set([...jobs, ...large]);
    this.#intake.keepOnly(job => !gone.has(job) && !this.#aside.has(job));
    const verified =
      jobs.length === 0
        ? Promise.resolve([])
        : timed(this.#bus, 'verify', () => verify({ ...this.#bus, beside: this.#large }, jobs));
    verified.catch(() => {}); // whoever takes the batch hears of it
    return { jobs, verified };
  }

  /** Runs in the background, so that the first commit does not wait. */
  async #repairReceipts(): Promise<void> {
    try {
      const repaired = await repairReceipts(this.#bus);
      if (repaired > 0)
        this.#bus.logger.warn({ repaired }, 'receipts that a crash had torn were made again from the journal');
    } catch (error) {
      this.#bus.logger.error({ err: error }, 'receipts could not be checked; the next start checks them again');
    }
  }

  /**
   * Pauses for a fault of the machine. Rejects nothing. Jobs in work stay in `claimed/`, and the
   * journal knows their outcome.
   */
  async #pause(error: unknown): Promise<void> {
    if (dispositionOf(error) === 'stop') throw error;
    this.#aside.failed(this.#inHand, error);
    await this.#ahead?.verified.catch(() => {}); // its jobs go through again, but not twice at once
    this.#ahead = undefined;
    await this.#behind?.settled.catch(() => {}); // the rest of it in `claimed/` is settled again
    this.#behind = undefined;
    await this.#intake.forgetClaims();
    this.#mustRecover = true;
    const retryInMs = waitAfter(backoff, ++this.#failures);
    this.#bus.logger.error({ err: error, hint: hintFor(error), retryInMs }, 'paused; nothing is lost');
    this.#state.write('paused', error);
    await sleep(retryInMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }

  /** A stop also ends an export in progress, which may take long. */
  async #finishMaintenance(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    signal.addEventListener('abort', () => void this.#maintenance.stop(), { once: true });
    await this.#maintenance.finish();
  }

  async #waitForWork(): Promise<void> {
    const dueMs = await this.#maintenance.nextDueMs();
    this.#pulse.rest();
    const waitMs = Math.min(this.#bus.config.pollIntervalMs, dueMs ?? Number.POSITIVE_INFINITY);
    await sleep(Math.max(1, waitMs), undefined, { signal: this.#wake.signal }).catch(() => {});
  }

  /**
   * Only for latency and fair turns: the scan at every poll interval finds what the watch misses.
   */
  #watchInbox(): FSWatcher | undefined {
    try {
      return watch(this.#bus.layout.inbox, (_, name) => {
        if (name !== null) this.#intake.hint(name);
        // Each rename is an event, our own too, and an abort makes its reason even when it has
        // nothing to do.
        if (!this.#wake.signal.aborted) this.#wake.abort();
      }).on('error', () => {});
    } catch (error) {
      this.#bus.logger.warn({ err: error }, 'the inbox cannot be watched; it is scanned at every poll interval');
      return undefined;
    }
  }
}
