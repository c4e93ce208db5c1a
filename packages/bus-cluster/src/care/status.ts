import {
  describeExports,
  describeGc,
  describeJobs,
  describeScrub,
  describeSpace,
  type JobCounts,
  type ShownScrub,
  shownScrub,
} from '@quantbot/bus-care/status';
import { readSpace, type Space } from '@quantbot/bus-format';
import type { GcState } from '@quantbot/bus-format/state';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { openCatalog } from '@quantbot/storage';
import { lakeAddress } from '@quantbot/storage/lake';
import { archivedJournal } from '../archive.js';
import { countDismissed } from '../dismissals.js';
import { type KnownExport, knownExports } from '../exports.js';
import { Postgres } from '../postgres/postgres.js';
import { readClusterGc, readClusterScrub } from '../upkeep.js';
import { leasesUnseen } from '../work.js';
import { publishedIn } from './published-seq.js';

/** The state of a cluster. */
export interface ClusterStatus {
  objects: string;
  busId: string;
  /** `isGone`: the daemon was not seen for two leases. */
  daemons: {
    daemon: string;
    host: string;
    pid: number;
    version: string;
    since: string;
    lastSeen: string;
    isGone: boolean;
  }[];
  /** Entries of the inbox; `more` if there are more than were counted. */
  queue: { waiting: number; more: boolean; inProgress: number };
  jobs: JobCounts;
  artifacts: number;
  lastSeq: number;
  /** The last seq that readers see; undefined if the lake cannot be reached. */
  publishedSeq: number | undefined;
  /** The journal in the object store has every job up to this one. */
  archivedSeq: number;
  /** Files of canonical tables that are committed, and not written yet. */
  missingFragments: number;
  exports: KnownExport[];
  /** Who uses the store; null if the lake cannot be reached. */
  space: Space | null;
  /** Progress and findings of the newest scrub; null before the first. */
  scrub: ShownScrub | null;
  /** The last garbage collection; null before the first. */
  gc: GcState | null;
}

const maxCounted = 10_000;

/** Reads the state of the journal, the inbox and the lake. */
export async function readClusterStatus(cluster: ClusterConfig, configPath?: string): Promise<ClusterStatus> {
  const { postgres: url } = await lakeAddress(cluster);
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const postgres = await Postgres.open(url, { connections: 2 });
  try {
    const [head] = await postgres.query<{ seq: number; bus_id: string }>('SELECT seq, bus_id FROM bus.head');
    const [counted] = await postgres.query<Record<'ingested' | 'duplicate' | 'rejected' | 'artifacts', number>>(
      `SELECT count(*) FILTER (WHERE rejected) AS rejected, count(*) FILTER (WHERE NOT rejected AND NOT fresh) AS duplicate,
         count(*) FILTER (WHERE fresh) AS ingested, coalesce(sum(added), 0)::bigint AS artifacts
       FROM (SELECT bool_or(status = 'rejected') AS rejected, bool_or(status IN ('ingested', 'restored', 'done')) AS fresh,
               count(*) FILTER (WHERE status = 'ingested') AS added FROM bus.journal GROUP BY seq) jobs`,
    );
    const dismissed = await countDismissed(postgres);
    const [work] = await postgres.query<{ n: number }>('SELECT count(*) AS n FROM bus.work WHERE lease_until > now()');
    const [missing] = await postgres.query<{ n: number }>(
      'SELECT count(*) AS n FROM bus.fragments WHERE object IS NULL',
    );
    const daemons = await postgres.query<ClusterStatus['daemons'][number] & Record<string, unknown>>(
      `SELECT daemon, host, pid, version, since, last_seen AS "lastSeen",
         last_seen < now() - make_interval(secs => $1) AS "isGone" FROM bus.members ORDER BY since`,
      [cluster.leaseS * leasesUnseen],
    );
    const waiting = (await objects.list('inbox/', { limit: maxCounted })).length;
    return {
      objects: objects.url,
      busId: head?.bus_id ?? '',
      daemons,
      queue: { waiting, more: waiting === maxCounted, inProgress: work?.n ?? 0 },
      jobs: {
        ingested: counted?.ingested ?? 0,
        duplicate: counted?.duplicate ?? 0,
        rejected: (counted?.rejected ?? 0) - dismissed,
        dismissed,
      },
      artifacts: counted?.artifacts ?? 0,
      lastSeq: head?.seq ?? 0,
      ...(await readLake(configPath).catch(() => ({ publishedSeq: undefined, space: null }))),
      archivedSeq: (await archivedJournal(objects)).seq,
      missingFragments: missing?.n ?? 0,
      exports: await knownExports(postgres),
      scrub: shownScrub(await readClusterScrub(postgres)),
      gc: (await readClusterGc(postgres)) ?? null,
    };
  } finally {
    await postgres.close();
  }
}

async function readLake(config: string | undefined): Promise<Pick<ClusterStatus, 'publishedSeq' | 'space'>> {
  await using catalog = await openCatalog({ config });
  return { publishedSeq: await publishedIn(catalog), space: await readSpace(catalog, new Date()) };
}

/** The status as text for people. */
export function describeClusterStatus(status: ClusterStatus): string {
  const { queue, daemons } = status;
  return [
    `bus       ${status.objects} (${status.busId})`,
    ...(daemons.length === 0
      ? ['daemons   none']
      : daemons.map(
          ({ daemon, since, lastSeen, isGone }) =>
            `daemon    ${daemon} since ${since}, last seen ${lastSeen}${isGone ? ': it seems to be gone' : ''}`,
        )),
    `queue     ${queue.waiting}${queue.more ? ' or more' : ''} waiting, ${queue.inProgress} in progress`,
    `jobs      ${describeJobs(status.jobs)}; ${status.artifacts} artifacts`,
    `last      seq ${status.lastSeq}; readers see ${status.publishedSeq ?? 'nothing: the lake cannot be reached'}`,
    `journal   the bucket has it up to seq ${status.archivedSeq}`,
    ...describeSpace(status.space),
    ...describeExports(
      status.exports.map(({ name, seq, rows, error }) => ({
        isOk: error === null,
        text: error === null ? `${name}: ${rows} rows, up to seq ${seq}` : `${name}: failed: ${error}`,
      })),
    ),
    ...(status.missingFragments > 0 ? [`fragments ${status.missingFragments} missing`] : []),
    ...describeScrub(status.scrub),
    ...describeGc(status.gc),
  ].join('\n');
}
