import { setTimeout as sleep } from 'node:timers/promises';
import { forgetMembers, lastSettled, noteMember, removeMember, renewLeases } from '@quantbot/bus-cluster';
import { allEnded, dispositionOf } from '@quantbot/bus-format';
import type { LoopHealth, LoopView, RunState } from '@quantbot/bus-http';
import { type Backoff, waitAfter } from '@quantbot/infra/bus';
import { LargeJobs } from '../writer/loop/large-jobs.js';
import type { MaintenanceWork } from '../writer/loop/maintenance.js';
import { partsOf } from '../writer/loop/parts-of.js';
import { Pulse } from '../writer/loop/pulse.js';
import { causeOf } from '../writer/loop/state-file.js';
import { settledJob } from '../writer/stages/settled-job.js';
import { lookAheadBy } from '../writer/stages/table-operation.js';
import { timed } from '../writer/stages/timed.js';
import { traceOf } from '../writer/stages/trace-of.js';
import { asFetched, type CheckedFetch, check } from './check.js';
import type { Cluster, FetchedJob } from './cluster.js';
import { type Committed, type CommittedBatch, commit } from './commit.js';
import { ClusterExports } from './exports/exports.js';
import { fetchJobs } from './fetch.js';
import { writeFragments } from './fragments.js';
import { InboxScan } from './inbox-scan.js';
import { removeJobFolder } from './job-folder.js';
import { lastKnown } from './last-known.js';
import { Publication } from './publication.js';
import { settle } from './settle.js';
import { decidingNow } from './tables.js';

const backoff: Backoff = { firstMs: 200, maxMs: 30_000 };
/** A daemon that was not seen for this many leases is removed from the list. */
const leasesForgotten = 20;
/** The first interval between looks into the inbox after a job. */
const firstPollMs = 100;

/**
 * The loop of a cluster's daemon. It lists the inbox, takes jobs, verifies and commits them, writes
 * their fragments, publishes if it holds the lock, and settles jobs that readers can see.
 */
export class ClusterLoop implements LoopView {
  readonly #cluster: Cluster;
  readonly drains: boolean;
  /** No table of a lake waits for a damaged file. */
  readonly waitingTables = [];
  readonly #pulse: Pulse;
  #state: RunState | undefined;
  readonly #publication: Publication;
  readonly #exports: ClusterExports;
  readonly #large: LargeJobs;
  /** Jobs that are fetched and not yet settled, by claim. */
  readonly #inHand = new Map<string, FetchedJob>();
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  /** The next batch, which is being fetched and verified. */
  #ahead: Promise<CheckedFetch[]> | undefined;
  /** Committed jobs that readers may not see yet. */
  #waiting: (Committed & { startedMs: number })[] = [];
  readonly #inbox: InboxScan;
  #failures = 0;
  /** The time of the last job (monotonic clock, milliseconds). */
  #lastJobMs = performance.now();
  /** The last published seq that was reported to onlookers. */
  #toldSeq = 0;
  #renewed = 0;

  constructor(cluster: Cluster, drains: boolean) {
    this.#cluster = cluster;
    this.drains = drains;
    this.#pulse = new Pulse(cluster);
    this.#inbox = new InboxScan(cluster.objects, cluster.config.batch.maxJobs);
    this.#publication = new Publication(cluster, () => this.#wake.abort());
    this.#exports = new ClusterExports(cluster, () => this.#wake.abort());
    this.#large = new LargeJobs(
      { ...cluster, beside: undefined },
      () => this.#wake.abort(),
      lookAheadBy(inspector => decidingNow({ ...cluster, inspector })),
    );
    cluster.beside = this.#large;
  }

  get health(): LoopHealth {
    return this.#pulse.health;
  }

  get oldestWaitingMs(): number | undefined {
    const inHand = [...this.#inHand.values()].flatMap(({ submittedAtMs }) => submittedAtMs ?? []);
    const { oldestMs } = this.#inbox;
    const known = [...inHand, ...(oldestMs === undefined ? [] : [oldestMs])];
    return known.length === 0 ? undefined : known.reduce((oldest, at) => Math.min(oldest, at));
  }

  /** The last seq that readers see. A daemon that has just started reads it from PostgreSQL. */
  readonly publishedSeq = lastKnown(async () =>
    Math.max(this.#publication.seq, await lastSettled(this.#cluster.postgres)),
  );

  readonly exports = lastKnown(async () => this.#exports.states(await this.publishedSeq()));

  /** Aborted by a stop. */
  get stopRequested(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Whether this daemon is the one that publishes. */
  get publishes(): boolean {
    return this.#publication.isPublisher;
  }

  /** The work whose last attempt failed. */
  get failed(): MaintenanceWork[] {
    return this.#exports.hasFailed ? ['export'] : [];
  }

  stop(): void {
    this.#stopping.abort();
    this.#wake.abort();
  }

  async run(): Promise<void> {
    const { postgres, member, logger } = this.#cluster;
    try {
      this.#become('starting');
      await noteMember(postgres, member);
      logger.info({ daemon: member.daemon, objects: this.#cluster.objects.url }, 'bus daemon ready');
      while (!this.#stopping.signal.aborted) if ((await this.#turn()) === 'done') break;
    } finally {
      await this.#large.stop();
      await this.#exports.stop();
      await this.#ahead?.catch(() => {});
      await this.#publication.close();
      await removeMember(postgres, member.daemon).catch(() => {}); // its leases end by themselves
    }
    logger.info({ daemon: member.daemon }, 'bus daemon stopped');
  }

  async #turn(): Promise<'go on' | 'done'> {
    this.#wake = new AbortController();
    this.#pulse.beat();
    try {
      await this.#renew();
      // Commits of the turn before are published meanwhile.
      const [committed, shown] = await allEnded([this.#commitNext(), this.#show()]);
      const { isPublisher, seq } = this.#publication;
      const isIdle = !committed && !shown;
      if (isPublisher) this.#exports.advance(seq, { isLast: isIdle && this.drains });
      if (this.#publication.fault !== undefined) throw this.#publication.fault;
      this.#failures = 0;
      this.#become('running');
      if (!isIdle) return 'go on';
      const isExported = !isPublisher || this.#exports.isDone(seq);
      const isDone = this.#inbox.isEmpty && this.#waiting.length === 0 && !this.#large.busy && isExported;
      if (this.drains && isDone) {
        await this.#publication.removeForgotten('ended');
        return 'done';
      }
      await this.#wait(this.#pollMs());
    } catch (error) {
      await this.#pause(error);
    }
    return 'go on';
  }

  /** Reports this daemon as alive and renews its leases, a few times per lease. */
  async #renew(): Promise<void> {
    const now = performance.now();
    if (now - this.#renewed < (this.#cluster.leaseS * 1000) / 4) return;
    this.#renewed = now;
    const { postgres, member, leaseS } = this.#cluster;
    await noteMember(postgres, member);
    await renewLeases(postgres, member.daemon, leaseS);
    await forgetMembers(postgres, leaseS * leasesForgotten);
  }

  async #nextBatch(): Promise<CheckedFetch[]> {
    const failed = this.#large.takeFailed();
    if (failed !== undefined) {
      await this.#drop([failed.job.claim]);
      throw failed.error;
    }
    const ready = this.#large.takeReady().map(job => asFetched(job, this.#inHand.get(job.claim) as FetchedJob));
    const inHand = new Set([...this.#inHand.values()].map(({ inboxKey }) => inboxKey));
    const fetched = await fetchJobs(this.#cluster, await this.#inbox.next(inHand));
    for (const job of fetched) this.#inHand.set(job.claim, job);
    try {
      if (fetched.length === 0) return ready;
      return [...ready, ...(await timed(this.#cluster, 'verify', () => check(this.#cluster, fetched)))];
    } catch (error) {
      await this.#drop([...ready, ...fetched].map(({ claim }) => claim));
      throw error;
    }
  }

  /** Drops jobs after a failure. They are still in the inbox, and are fetched again. */
  async #drop(claims: readonly string[]): Promise<void> {
    for (const claim of claims) {
      const job = this.#inHand.get(claim);
      this.#inHand.delete(claim);
      if (job !== undefined) await removeJobFolder(job);
    }
  }

  /** Commits the next batch. The one after it is fetched and verified meanwhile. */
  async #commitNext(): Promise<boolean> {
    const batch = await (this.#ahead ?? this.#nextBatch()).finally(() => {
      this.#ahead = undefined;
    });
    if (batch.length === 0) return false;
    const startedMs = performance.now();
    const committed: CommittedBatch[] = [];
    const open = partsOf(batch);
    try {
      for (let part = open.shift(); part !== undefined; part = open.shift())
        committed.push(await this.#commitPart(part, startedMs, open.flat()));
      this.#ahead = this.#nextBatch();
      this.#ahead.catch(() => {}); // the next turn gets the error
    } finally {
      // Also if a later part has failed: nothing after a missing fragment is published.
      for (const part of committed) await writeFragments(this.#cluster, part);
    }
    return true;
  }

  /** @param others the jobs that are dropped, too, if the commit fails. */
  async #commitPart(
    part: readonly CheckedFetch[],
    startedMs: number,
    others: readonly CheckedFetch[],
  ): Promise<CommittedBatch> {
    const committed = await timed(this.#cluster, 'commit', () => commit(this.#cluster, part)).catch(async error => {
      await this.#drop([...part, ...others].map(({ claim }) => claim));
      throw error;
    });
    this.#lastJobMs = performance.now();
    this.#waiting.push(...committed.jobs.map(job => ({ ...job, startedMs })));
    return committed;
  }

  /** Settles the jobs that readers can see. */
  async #settle(): Promise<boolean> {
    const { seq } = this.#publication;
    const visible = this.#waiting.filter(({ rows }) => (rows[0]?.seq ?? 0) <= seq);
    if (visible.length === 0) return false;
    await timed(this.#cluster, 'settle', () => settle(this.#cluster, visible));
    this.#waiting = this.#waiting.filter(committed => !visible.includes(committed));
    for (const { job } of visible) this.#inHand.delete(job.claim);
    const visibleAtMs = Date.now();
    const jobs = visible.map(({ job, rows }) =>
      settledJob({ ...job, rows: [...rows], trace: traceOf(job.manifest) }, visibleAtMs, this.#cluster.tables.names),
    );
    const startedMs = visible.reduce((first, each) => Math.min(first, each.startedMs), Number.POSITIVE_INFINITY);
    const seconds = (performance.now() - startedMs) / 1000;
    this.#cluster.events.emit('settled', { jobs, lastSeq: seq, seconds });
    this.#cluster.logger.info({ jobs: jobs.length, lastSeq: seq }, 'batch settled');
    return true;
  }

  /** Publishes commits, and settles the jobs that readers can see. */
  async #show(): Promise<boolean> {
    const published = await this.#publish();
    return (await this.#settle()) || published;
  }

  async #publish(): Promise<boolean> {
    const started = performance.now();
    const before = this.#publication.seq;
    const didSomething = await this.#publication.advance();
    const { seq } = this.#publication;
    if (seq > before)
      this.#cluster.events.emit('stage', { stage: 'publish', seconds: (performance.now() - started) / 1000 });
    if (seq > this.#toldSeq) this.#cluster.events.emit('published', { seq });
    this.#toldSeq = Math.max(this.#toldSeq, seq);
    return didSomething;
  }

  /** Reports a change of state to onlookers, and every pause. */
  #become(state: RunState, error?: unknown): void {
    if (state === this.#state && state !== 'paused') return;
    this.#state = state;
    const cause = error === undefined ? { code: null, message: null } : causeOf(error);
    this.#cluster.events.emit('state', { state, ...cause });
  }

  /** Returns the time until the next look. It grows with the time since the last job. */
  #pollMs(): number {
    const sinceMs = performance.now() - this.#lastJobMs;
    return Math.min(this.#cluster.config.pollIntervalMs, Math.max(firstPollMs, sinceMs / 20));
  }

  async #wait(ms: number): Promise<void> {
    this.#pulse.rest();
    await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => {});
  }

  async #pause(error: unknown): Promise<void> {
    if (dispositionOf(error) === 'stop') throw error;
    this.#failures++;
    const waitMs = waitAfter(backoff, this.#failures);
    this.#cluster.logger.error({ err: error, waitMs }, 'a turn failed; it is tried again');
    this.#become('paused', error);
    await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
