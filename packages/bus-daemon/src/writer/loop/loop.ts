import { type FSWatcher, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { dispositionOf, hintFor } from '@quantbot/bus-format';
import type { WaitingTable } from '@quantbot/bus-format/state';
import type { ExportState, LoopHealth, LoopView } from '@quantbot/bus-http';
import { type Backoff, waitAfter } from '@quantbot/infra/bus';
import type { Bus } from '../bus.js';
import { type CheckedJob, type ClaimedJob, isRejected } from '../job.js';
import { Publisher } from '../publish/publisher.js';
import { lookAhead } from '../stages/table-operation.js';
import { timed } from '../stages/timed.js';
import { verify } from '../stages/verify.js';
import { Aside } from './aside.js';
import { splitBySize } from './batch-size.js';
import { DiskSpace } from './disk-space.js';
import { Intake } from './intake.js';
import { LargeJobs } from './large-jobs.js';
import { Maintenance } from './maintenance.js';
import { commitBatch, settleBatch } from './pipeline.js';
import { Pulse } from './pulse.js';
import { recoverClaimed, repairReceipts } from './recover.js';
import { StateFile } from './state-file.js';

const backoff: Backoff = { firstMs: 200, maxMs: 30_000 };

/** The largest batch that may be in memory together with another. */
const maxArtifactsBesideAnother = 2000;

/** Claimed jobs and the result of their verification. */
interface Batch {
  jobs: ClaimedJob[];
  verified: Promise<CheckedJob[]>;
}

/** The loop: wait, run a batch, back off, stop. It does not know what a job is. */
export class Loop implements LoopView {
  readonly #bus: Bus;
  readonly drains: boolean;
  readonly #publisher: Publisher;
  readonly #maintenance: Maintenance;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  readonly #intake: Intake;
  #inHand: readonly ClaimedJob[] = [];
  /** The next batch, which is being verified. */
  #ahead: Batch | undefined;
  /** The previous batch, which is committed and being settled. */
  #behind: { jobs: readonly ClaimedJob[]; settled: Promise<void> } | undefined;
  readonly #large: LargeJobs;
  readonly #aside: Aside;
  readonly #space: DiskSpace;
  readonly #state: StateFile;
  readonly #pulse: Pulse;
  /** True at start and after a failure: `claimed/` may then hold committed jobs. */
  #mustRecover = true;
  /** Consecutive failed turns. */
  #failures = 0;
  #repair: Promise<void> | undefined;

  constructor(bus: Bus, drain: boolean) {
    this.#bus = bus;
    this.drains = drain;
    // When draining, scan always, so that no waiting job is missed at the end.
    this.#intake = new Intake(bus, drain ? { slowScanMs: Number.POSITIVE_INFINITY } : {});
    this.#aside = new Aside(bus);
    this.#space = new DiskSpace(bus);
    this.#pulse = new Pulse(bus);
    this.#large = new LargeJobs(bus, () => this.#wake.abort(), lookAhead(bus));
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

  get failed(): Maintenance['failed'] {
    return this.#maintenance.failed;
  }

  /** Aborted by a stop. */
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
      this.#bus.inspector.close(); // no one waits for verifications any more
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
    // Reset before the look, so that an arrival during the look ends the next wait at once.
    this.#wake = new AbortController();
    this.#pulse.beat();
    try {
      this.#bus.assertHeld();
      const full = this.#space.problem();
      this.#intake.takesOnlyOperations = full !== undefined;
      const did = await this.#runNextBatch();
      this.#failures = 0;
      this.#state.write(full === undefined ? 'running' : 'paused', full);
      this.#maintenance.kick({ batchesAreSmall: this.#intake.isShared });
      if (did === 'worked') return 'go on';
      if (this.drains && !this.#large.busy && full === undefined) {
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
    this.#behind.settled.catch(() => {}); // its awaiter gets the error
    this.#inHand = [];
    if (this.#aside.careful) await this.#settleBehind();
    return 'worked';
  }

  /** Waits for the previous batch to settle. Its errors do not concern the current jobs. */
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
   * Takes only known jobs, so that a lone job need not wait for a scan. Avoids two batches of many
   * artifacts in memory.
   */
  #mayLookAhead(inHand: readonly CheckedJob[]): boolean {
    const artifacts = inHand.reduce((sum, job) => sum + (isRejected(job) ? 0 : job.artifacts.length), 0);
    const mayNot = this.#aside.careful || this.#aside.isDue || this.#intake.isShared;
    return !mayNot && this.#intake.hasWaiting && artifacts <= maxArtifactsBesideAnother;
  }

  /** Puts due jobs back. The journal may have them by now, so look them up as at a start. */
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

  /** Claims jobs and starts to verify them. Hands over large ones. */
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
    verified.catch(() => {}); // the taker of the batch gets the error
    return { jobs, verified };
  }

  /** Runs in the background, so that the first commit does not wait. */
  async #repairReceipts(): Promise<void> {
    try {
      const repaired = await repairReceipts(this.#bus);
      if (repaired > 0)
        this.#bus.logger.warn({ repaired }, 'receipts damaged by a crash were rewritten from the journal');
    } catch (error) {
      this.#bus.logger.error({ err: error }, 'receipts could not be checked; the next start checks them again');
    }
  }

  /**
   * Pauses for a fault of the machine, and rejects nothing: the journal knows each job's outcome.
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

  /** For latency and fair turns only: the regular scan finds what the watch misses. */
  #watchInbox(): FSWatcher | undefined {
    try {
      return watch(this.#bus.layout.inbox, (_, name) => {
        if (name !== null) this.#intake.hint(name);
        // Check first: our own renames are events too, and each abort creates an error object.
        if (!this.#wake.signal.aborted) this.#wake.abort();
      }).on('error', () => {});
    } catch (error) {
      this.#bus.logger.warn({ err: error }, 'the inbox cannot be watched; it is scanned at every poll interval');
      return undefined;
    }
  }
}
