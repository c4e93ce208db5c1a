import type { GcItem, GcOptions } from '@quantbot/bus-care/gc';
import { gcStateAfter } from '@quantbot/bus-format/state';
import { isId } from '@quantbot/infra';
import { objectKeys } from '@quantbot/infra/bus';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { isRemovable, type ListedObject, type Objects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { JournalArchive } from '../../archive.js';
import { missingFragments } from '../../fragments.js';
import { mustBeCurrent } from '../../migrate.js';
import { openBusObjects } from '../../objects-of-bus.js';
import { pagesOf } from '../../pages.js';
import { Postgres } from '../../postgres/postgres.js';
import { noteOutcomesRemoved } from '../../settling.js';
import { readClusterGc, writeClusterGc } from '../../upkeep.js';
import { partsOf } from '../compare-outcomes.js';
import { condemnOrphans, namedInJournal } from './condemn-orphans.js';
import { namedInLake } from './named-in-lake.js';
import { SubmittedObjects } from './submitted.js';

/** A younger item may belong to a job or a publication in flight, so it stays in any case. */
const inFlightMs = 3_600_000;
const removedAtOnce = 100;

/**
 * Removes outcomes of settled jobs past their retention, stored objects that no job names, files
 * of the lake that nothing names, and entries of killed daemons. Daemons may run. It needs
 * credentials that may delete below `store/`, `lake/`, `receipts/`, `rejected/` and `operators/`. A
 * run that removes notes its result in PostgreSQL.
 *
 * @returns the items that are removed, or would be. The path of one is the key of an object, or the
 * name of a daemon.
 * @throws DaemonError `POSTGRES_UNREACHABLE`, `CLUSTER_OLDER`, `CLUSTER_NEWER`, `CLUSTER_BEHIND` if
 * the database lacks jobs of the bucket; BusError of the object store.
 */
export async function collectClusterGarbage(cluster: ClusterConfig, options: GcOptions): Promise<GcItem[]> {
  const { postgres: url, root } = await lakeAddress(cluster);
  const postgres = await Postgres.open(url, { connections: 2 });
  try {
    await mustBeCurrent(postgres);
    const [head] = await postgres.query<{ id: string }>('SELECT bus_id AS id FROM bus.head');
    const objects = await openBusObjects(withVariables(cluster.objects), cluster.s3, head?.id ?? '');
    await JournalArchive.open(postgres, objects); // what only the bucket's journal names is no orphan
    const startedAt = new Date();
    const items = await new Collection({ postgres, objects, root }, options).run();
    if (options.apply) await writeClusterGc(postgres, gcStateAfter(await readClusterGc(postgres), items, startedAt));
    return items;
  } finally {
    await postgres.close();
  }
}

class Collection {
  readonly #postgres: Postgres;
  readonly #objects: Objects;
  readonly #root: string;
  readonly #options: GcOptions;
  readonly #items: GcItem[] = [];

  constructor({ postgres, objects, root }: { postgres: Postgres; objects: Objects; root: string }, options: GcOptions) {
    this.#postgres = postgres;
    this.#objects = objects;
    this.#root = root;
    this.#options = options;
  }

  async run(): Promise<GcItem[]> {
    await this.#settled('processed', 'receipts/', this.#options.keepSettledMs);
    await this.#settled('rejected', 'rejected/', this.#options.keepRejectedMs);
    await this.#operators();
    await this.#uploads();
    await this.#orphans();
    await this.#leftoversOfLake();
    await this.#daemons();
    return this.#items;
  }

  /** Removes page by page, so that hardly any outcome is replaced between look and removal. */
  async #settled(kind: 'processed' | 'rejected', prefix: string, keepMs: number): Promise<void> {
    for await (const page of this.#pages(prefix)) {
      const old = page.filter(isOlder(keepMs));
      const jobIds = old.map(({ key }) => partsOf(key).jobId);
      if (this.#options.apply && old.length > 0) await noteOutcomesRemoved(this.#postgres, jobIds);
      await this.#remove(kind, old);
    }
  }

  /**
   * Removes what shows that an operator has asked for a job, if the job was rejected or never came.
   * One that waits or may be retried still needs it. So look for a rejection first: a retry writes
   * to the inbox before it removes the rejection.
   */
  async #operators(): Promise<void> {
    const isOld = isOlder(Math.max(inFlightMs, this.#options.keepSettledMs));
    for await (const page of this.#pages('operators/'))
      for (const entry of page.filter(isOld)) {
        const jobId = entry.key.slice('operators/'.length);
        if (isId(jobId) && (await this.#mayBeTaken(jobId))) continue;
        await this.#remove('rejected', [entry]);
      }
  }

  async #mayBeTaken(jobId: string): Promise<boolean> {
    const [manifest] = await this.#objects.list(objectKeys.rejectedManifest(jobId), { limit: 1 });
    if (manifest !== undefined && !isOlder(this.#options.keepRejectedMs)(manifest)) return true;
    return (await this.#objects.list(objectKeys.inboxOf(jobId), { limit: 1 })).length > 0;
  }

  /** Parts of files over HTTP. A daemon removes them with their file, unless it is killed. */
  async #uploads(): Promise<void> {
    await this.#remove('staging', await this.#old('uploads/'));
  }

  /**
   * Finds candidates first, then reads everything that names objects, the journal last. A job that
   * moves meanwhile is found in its old place or in its new one.
   */
  async #orphans(): Promise<void> {
    const candidates = await this.#old('store/');
    if (candidates.length === 0) return;
    const submitted = new SubmittedObjects(this.#objects, entry => !isOlder(this.#options.keepRejectedMs)(entry));
    await submitted.look();
    await submitted.look(); // a retry moves a job back into the inbox
    for (let at = 0; at < candidates.length; at += removedAtOnce) {
      const some = candidates.slice(at, at + removedAtOnce);
      if (this.#options.apply) await submitted.look();
      const journalled = await namedInJournal(this.#postgres, keysOf(some));
      const free = some.filter(({ key }) => !submitted.has(key));
      const orphans = free.filter(({ key }) => !journalled.has(key));
      const condemned = this.#options.apply ? await condemnOrphans(this.#postgres, keysOf(orphans)) : keysOf(orphans);
      await this.#remove('orphan', among(orphans, condemned));
      await this.#forgotten(free.filter(({ key }) => journalled.has(key)));
    }
  }

  /**
   * Objects of forgotten artifacts that came again later, for jobs that were not accepted. They are
   * condemned, so no commit names them.
   */
  async #forgotten(entries: readonly ListedObject[]): Promise<void> {
    const found = await this.#postgres.query<{ path: string }>(
      `SELECT rel_path AS path FROM bus.forgotten, bus.removal
       WHERE rel_path = ANY($1) AND forgotten.seq <= removal.seq`,
      [keysOf(entries)],
    );
    const paths = found.map(({ path }) => path);
    await this.#remove('orphan', among(entries, paths));
  }

  /** Finds candidates first: a file that is added meanwhile is named when the names are read. */
  async #leftoversOfLake(): Promise<void> {
    const candidates = await this.#old('lake/');
    if (candidates.length === 0) return;
    // The rows of forgotten artifacts that a new lake still lacks may be in any of these files.
    if ((await missingFragments(this.#postgres, 0, 1)).length > 0) return;
    const isNamed = await namedInLake(this.#postgres, this.#root);
    await this.#remove(
      'lake',
      candidates.filter(({ key }) => !isNamed(key)),
    );
  }

  /** Entries of daemons that were killed long ago. A daemon that stops removes its own entry. */
  async #daemons(): Promise<void> {
    const seconds = Math.max(inFlightMs, this.#options.keepUnfinishedMs) / 1000;
    const gone = await this.#postgres.query<{ daemon: string }>(
      'SELECT daemon FROM bus.members WHERE last_seen < now() - make_interval(secs => $1) ORDER BY daemon',
      [seconds],
    );
    const names = gone.map(({ daemon }) => daemon);
    this.#items.push(...names.map(path => ({ kind: 'daemon' as const, path, bytes: 0 })));
    if (!this.#options.apply) return;
    await this.#postgres.query('DELETE FROM bus.work WHERE daemon = ANY($1) AND lease_until < now()', [names]);
    await this.#postgres.query(
      'DELETE FROM bus.members WHERE daemon = ANY($1) AND last_seen < now() - make_interval(secs => $2)',
      [names, seconds],
    );
  }

  async #old(prefix: string): Promise<ListedObject[]> {
    const age = Math.max(inFlightMs, this.#options.keepUnfinishedMs);
    const found: ListedObject[] = [];
    for await (const page of this.#pages(prefix)) found.push(...page.filter(isOlder(age)));
    return found;
  }

  /** Producers choose names below `store/`. One that no program of the bus can remove stays. */
  async *#pages(prefix: string): AsyncGenerator<ListedObject[]> {
    for await (const page of pagesOf(this.#objects, prefix)) yield page.filter(({ key }) => isRemovable(key));
  }

  async #remove(kind: GcItem['kind'], entries: readonly ListedObject[]): Promise<void> {
    this.#items.push(...entries.map(({ key: path, bytes }) => ({ kind, path, bytes })));
    if (!this.#options.apply || entries.length === 0) return;
    const from = performance.now();
    await this.#objects.remove(keysOf(entries));
    await this.#options.rest?.(performance.now() - from);
  }
}

const among = (entries: readonly ListedObject[], keys: readonly string[]): ListedObject[] => {
  const wanted = new Set(keys);
  return entries.filter(({ key }) => wanted.has(key));
};

const keysOf = (page: readonly ListedObject[]): string[] => page.map(({ key }) => key);

const isOlder =
  (ageMs: number) =>
  ({ modifiedAtMs }: ListedObject): boolean =>
    Date.now() - modifiedAtMs > ageMs;
