import {
  addTotals,
  clusterTokens,
  countLeased,
  countMembers,
  datedRetypes,
  datedSchemas,
  knownExports,
  leasesUnseen,
  noTotals,
  operatedTables,
  type Queries,
  readClusterGc,
  readClusterScrub,
  sharedUploads,
  tablesAt,
} from '@quantbot/bus-cluster';
import { openJobsOf, RejectedJobs } from '@quantbot/bus-cluster/care';
import { type CanonTable, shownName } from '@quantbot/bus-format/canon';
import type { Totals, VisibleBus, VisibleRejections } from '@quantbot/bus-http';
import { objectInbox, objectKeys } from '@quantbot/infra/bus';
import type { ClusterConfig } from '@quantbot/infra/config';
import { lakeAddress } from '@quantbot/storage/lake';
import { previewOne } from '../writer/forgetting.js';
import type { Cluster } from './cluster.js';
import { lastKnown } from './last-known.js';
import type { ClusterLoop } from './loop.js';

/** The number of entries of the inbox that are counted at most. */
const maxCounted = 10_000;

/** Returns a cluster as one of its daemons shows it to onlookers. */
export function visibleCluster(cluster: Cluster, settings: ClusterConfig, loop: ClusterLoop): VisibleBus {
  const { config, postgres, objects, leaseS } = cluster;
  const totals = totalsOf(cluster);
  return {
    config,
    events: cluster.events,
    logger: cluster.logger,
    now: cluster.now,
    elapsed: cluster.elapsed,
    root: objects.url,
    get lastSeq() {
      return Math.max(totals.lastSeq, cluster.tablesSeq);
    },
    totals: totals.now,
    queue: lastKnown(async () => {
      const [entries, claimed] = await Promise.all([
        objects.list('inbox/', { limit: maxCounted }),
        countLeased(postgres),
      ]);
      return { inbox: Math.max(0, entries.length - claimed), claimed };
    }),
    openJobs: max => openJobsOf(postgres, objects, max),
    tables: () => tablesNow(cluster),
    isTable: name => cluster.tables.named(name) !== undefined,
    schemas: async () => withNames(postgres, await datedSchemas(postgres)),
    retypes: async () => withNames(postgres, await datedRetypes(postgres)),
    rejected: rejectionsOf(cluster),
    previewForget: key => previewOne(config, key),
    failedExports: async () =>
      (await knownExports(postgres)).flatMap(({ name, error }) => (error === null ? [] : [name])),
    scrub: lastKnown(() => readClusterScrub(postgres)),
    gc: lastKnown(() => readClusterGc(postgres)),
    catalog: () => lakeAddress(settings),
    spillIn: cluster.workFolder,
    tokens: clusterTokens(postgres),
    inbox: objectInbox(objects),
    uploadIn: cluster.workFolder,
    checks: async () => ({
      postgres: await answers(() => postgres.query('SELECT 1')),
      objects: await answers(() => objects.head(objectKeys.marker)),
    }),
    stages: ['verify', 'commit', 'publish', 'settle'],
    machine: undefined,
    cluster: {
      daemon: cluster.member.daemon,
      get publishes() {
        return loop.publishes;
      },
      publishedSeq: loop.publishedSeq,
      uploads: sharedUploads(postgres, objects),
      daemons: lastKnown(() => countMembers(postgres, leasesUnseen * leaseS)),
    },
  };
}

/** Other daemons commit too, so each call adds the commits since the call before. */
function totalsOf({ postgres }: Cluster): { now: () => Promise<Totals>; readonly lastSeq: number } {
  let known = noTotals;
  return {
    now: lastKnown(async () => {
      known = await addTotals(postgres, known);
      return known;
    }),
    get lastSeq() {
      return known.seq;
    },
  };
}

/** Returns all canonical tables, also those that another daemon has created. */
async function tablesNow({ postgres, config }: Cluster): Promise<readonly CanonTable[]> {
  const registry = await tablesAt(postgres, Number.MAX_SAFE_INTEGER, config.canon.tables);
  return registry.tables().map(table => ({ ...table, name: shownName(table) }));
}

/** Returns what is of tables with the names under which readers find these. */
async function withNames<Of extends { table?: string }>(queries: Queries, all: readonly Of[]): Promise<Of[]> {
  const { names } = await operatedTables(queries);
  return all.map(of => ({ ...of, table: of.table && names.nameOf(of.table) }));
}

function rejectionsOf({ objects }: Cluster): VisibleRejections {
  const jobs = new RejectedJobs(objects);
  return {
    placeOf: jobId => objects.locationOf(objectKeys.rejected(jobId)),
    read: async jobId => {
      const entry = await jobs.read(jobId).catch(() => undefined);
      return entry && { reason: entry.reason, canRetry: await jobs.canRetry(jobId) };
    },
    retry: jobId => jobs.retry(jobId),
  };
}

const answers = (ask: () => Promise<unknown>): Promise<boolean> =>
  ask().then(
    () => true,
    () => false,
  );
