import {
  channel,
  dropLake,
  fragmentsAfter,
  isLakeWhole,
  LakePublisher,
  lastSettled,
  maintainLake,
  missingFragments,
  noteLostFragment,
} from '@quantbot/bus-cluster';
import { concurrently, daemonError } from '@quantbot/bus-format';
import { writingMemoryMb } from '@quantbot/duckdb-process';
import { type OpenLake, openLake } from '@quantbot/storage/lake';
import type pg from 'pg';
import type { Cluster } from './cluster.js';
import { ensureExportStatus } from './exports/status-object.js';
import { makeFragment } from './fragments.js';
import { JournalObjects } from './journal-objects.js';
import { lakeInfo } from './lake-info.js';
import { removeForgottenBytes } from './remove-forgotten.js';
import { Salvage } from './salvage.js';
import { settleLeftBehind } from './settle.js';

/** The interval of maintenance, which runs only between publications. */
const maintenanceMs = 60_000;
/** The interval of looks for bytes of forgotten artifacts: a look takes up to a second. */
const removalMs = { idle: 2_000, busy: 20_000 };
/** The number of fragments whose objects are checked after a failed publication. */
const maxLooked = 1000;

/** The lock of the daemon that publishes. It only saves work: commits of two conflict. */
const publisherLock = 7_171_002;

/** Ends the session that holds the lock if it was silent for this long: its daemon is frozen. */
const takeLockAway = `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
  WHERE locktype = 'advisory' AND objid = $1 AND granted AND state = 'idle' AND usename = current_user
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND state_change < now() - make_interval(secs => $2)`;

/**
 * The publication of a cluster, as one daemon sees it. The daemon with the lock publishes, and the
 * others are notified.
 */
export class Publication {
  readonly #cluster: Cluster;
  readonly #onNews: () => void;
  #client: pg.Client | undefined;
  #isPublisher = false;
  #sign: NodeJS.Timeout | undefined;
  #asked: Promise<unknown> = Promise.resolve();
  #lake: OpenLake | undefined;
  #publisher: LakePublisher | undefined;
  readonly #journal: JournalObjects;
  readonly #salvage: Salvage;
  #maintainedAt = performance.now();
  #removedAt = performance.now();
  /**
   * The last seq that readers see and that the object store's journal contains, as far as this
   * daemon knows. Jobs up to it can be settled.
   */
  seq = 0;
  /** The error of a fragment that cannot be written, for which all later jobs wait. */
  fault: unknown;

  constructor(cluster: Cluster, onNews: () => void) {
    this.#cluster = cluster;
    this.#onNews = onNews;
    this.#journal = new JournalObjects(cluster);
    this.#salvage = new Salvage(cluster);
  }

  /** Whether this daemon is the one that publishes. */
  get isPublisher(): boolean {
    return this.#isPublisher;
  }

  /**
   * If this daemon has the lock, publishes, and finishes the work of daemons that are gone.
   *
   * @returns whether something was done.
   */
  async advance(): Promise<boolean> {
    const client = await this.#connected();
    if (!this.#isPublisher) {
      const { rows } = await this.#ask(client, 'SELECT pg_try_advisory_lock($1) AS got', [publisherLock]);
      this.#isPublisher = rows[0].got;
      if (!this.#isPublisher) await this.#ask(client, takeLockAway, [publisherLock, this.#cluster.leaseS]);
    }
    if (!this.#isPublisher) return false;
    try {
      const before = this.seq;
      const publisher = await this.#opened();
      // Jobs before a fragment that cannot be written are published all the same.
      const [made] = await Promise.allSettled([this.#makeFragments()]);
      this.fault = made.status === 'rejected' ? made.reason : undefined;
      this.seq = await this.#publish(publisher).catch(async error => {
        await this.#findLostFragments();
        throw error;
      });
      if (this.seq > before) await this.#ask(client, 'SELECT pg_notify($1, $2)', [channel, `published ${this.seq}`]);
      const settled = await settleLeftBehind(this.#cluster, this.seq, this.#cluster.leaseS);
      await this.removeForgotten(this.seq > before ? 'busy' : 'idle');
      await this.#maintain();
      return this.seq > before || settled > 0;
    } catch (error) {
      this.#closeLake(); // the open lake may show a state that was rolled back
      throw error;
    }
  }

  /** Writes the fragments of daemons that are gone. */
  async #makeFragments(): Promise<void> {
    const missing = await missingFragments(this.#cluster.postgres, this.#cluster.leaseS);
    for (const fragment of missing) await makeFragment(this.#cluster, fragment, this.#salvage);
    if (missing.length === 0) this.#salvage.close();
  }

  /**
   * Publishes, and writes the journal's objects at the same time. A job is settled after both. So
   * each acknowledged job is in the inbox or in the bucket's journal.
   */
  async #publish(publisher: LakePublisher): Promise<number> {
    const [{ seq: head } = { seq: 0 }] = await this.#cluster.postgres.query<{ seq: number }>(
      'SELECT seq FROM bus.head',
    );
    const [written, published] = await Promise.allSettled([this.#journal.advance(head), publisher.publish()]);
    if (written.status === 'rejected') throw written.reason;
    if (published.status === 'rejected') throw published.reason;
    // More may have been committed since the look at the head.
    return Math.min(published.value, await this.#journal.advance(published.value));
  }

  /**
   * A fragment whose object is gone would hold up all later commits. This records it as missing,
   * and later turns rebuild it from the store.
   */
  async #findLostFragments(): Promise<void> {
    const { postgres, objects, logger } = this.#cluster;
    try {
      const fragments = await fragmentsAfter(postgres, await lastSettled(postgres), maxLooked);
      await concurrently(fragments, async fragment => {
        if ((await objects.head(fragment.object)) !== undefined) return;
        logger.warn({ object: fragment.object }, 'a fragment was lost before it was published; it is written again');
        await noteLostFragment(postgres, fragment);
      });
    } catch (error) {
      logger.warn({ err: error }, 'fragments could not be looked at after a failed publication');
    }
  }

  /**
   * Removes the bytes of forgotten artifacts, if this daemon publishes. They stay for the grace
   * period, also if the daemon ends: readers on other hosts may be about to open them.
   *
   * @param state `busy`: jobs wait to be published. `ended`: the daemon looks once more, at once.
   */
  async removeForgotten(state: 'idle' | 'busy' | 'ended'): Promise<void> {
    const now = performance.now();
    if (this.#lake === undefined || (state !== 'ended' && now - this.#removedAt < removalMs[state])) return;
    this.#removedAt = now;
    const graceMs = this.#cluster.config.compaction.releaseGraceMs;
    await removeForgottenBytes(this.#cluster, this.#lake, { publishedSeq: this.seq, graceMs });
  }

  async #maintain(): Promise<void> {
    const now = performance.now();
    if (this.#lake === undefined || now - this.#maintainedAt < maintenanceMs) return;
    this.#maintainedAt = now;
    await maintainLake(this.#lake, { ...this.#cluster, root: (await this.#cluster.lake()).root });
    this.#journal.foldBeside();
  }

  /**
   * Returns the connection that receives notifications and gives a sign of life. If it is lost, so
   * is the lock.
   */
  async #connected(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const client = await this.#cluster.postgres.dedicated();
    const lost = () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#isPublisher = false;
      this.#onNews();
    };
    client.on('end', lost).on('error', lost);
    client.on('notification', ({ payload = '' }) => {
      const [what, seq] = payload.split(' ');
      if (what === 'published') this.seq = Math.max(this.seq, Number(seq));
      this.#onNews();
    });
    await client.query(`LISTEN ${channel}`);
    this.#asked = Promise.resolve(); // the lost connection may never answer
    clearInterval(this.#sign);
    this.#sign = setInterval(
      () => this.#ask(client, 'SELECT 1').catch(() => {}),
      (this.#cluster.leaseS * 1000) / 4,
    ).unref();
    this.#client = client;
    return client;
  }

  /** Runs a query on that connection, after the earlier ones. */
  #ask(client: pg.Client, sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
    const answer = this.#asked.then(() => client.query(sql, values));
    this.#asked = answer.catch(() => {});
    return answer;
  }

  async #opened(): Promise<LakePublisher> {
    const { postgres, objects, lake, config, workFolder } = this.#cluster;
    if (this.#publisher !== undefined) {
      await this.#lake?.renew(await lake());
      return this.#publisher;
    }
    // It may have been closed because the store refused the old credentials.
    const address = await lake(true);
    this.#lake = await openLake(address, { readOnly: false, memoryMb: writingMemoryMb(config.limits), threads: 2 });
    await this.#lake.connection.run('USE lake');
    const isThere = async (key: string) => (await objects.head(key)) !== undefined;
    if (!(await isLakeWhole(this.#lake, isThere))) await this.#beginAgain();
    const publisher = new LakePublisher({
      postgres,
      lake: this.#lake,
      place: { root: address.root, objects, workFolder },
      declared: config.canon.tables,
      info: await lakeInfo(postgres, objects),
    });
    await ensureExportStatus(objects);
    await publisher.prepare();
    this.#publisher = publisher;
    return publisher;
  }

  /** Drops a lake that names a lost file, so that it is rebuilt from journal and store. */
  async #beginAgain(): Promise<never> {
    await dropLake(this.#cluster.postgres);
    throw daemonError('FILE_DAMAGED', 'The lake has lost a file, so it is rebuilt from journal and store.');
  }

  #closeLake(): void {
    this.#lake?.close();
    this.#lake = undefined;
    this.#publisher = undefined;
    this.#journal.forget();
    this.seq = 0; // the lake may be another one when it is opened again
  }

  async close(): Promise<void> {
    this.#closeLake();
    this.#salvage.close();
    await this.#journal.close();
    clearInterval(this.#sign);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}
