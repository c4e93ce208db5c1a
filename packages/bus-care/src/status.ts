import { readdir } from 'node:fs/promises';
import { readSpace, type Space } from '@quantbot/bus-format';
import {
  claimedNames,
  type DaemonState,
  type ExportEntry,
  type GcState,
  type LockHolder,
  lookIntoInbox,
  readDaemonState,
  readExportStatus,
  readGcState,
  readLockHolder,
  readScrubState,
} from '@quantbot/bus-format/state';
import { busLayout, freeBytes, readBusMarker } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists } from '@quantbot/infra/files';
import { openDuckDb } from '@quantbot/storage';
import { type JobCounts, type ShownScrub, shownScrub } from './describe-status.js';

export * from './describe-status.js';

/** The state of a bus, as visible from outside. */
export interface BusStatus {
  busRoot: string;
  /** False: no daemon has ever run here. */
  initialised: boolean;
  /** The running daemon, if there is one. */
  writer: LockHolder | null;
  /** The state of that daemon; null if none runs or it has not reported yet. */
  daemon: DaemonState | null;
  /** Jobs that wait, are in flight, or lie in the inbox without COMMIT. */
  queue: { waiting: number; claimed: number; uncommitted: number };
  /** Settled jobs by outcome; null without a published database. */
  jobs: JobCounts | null;
  artifacts: number | null;
  lastCommit: { seq: number; jobId: string; at: string } | null;
  /** Who uses the store; null without a published database. */
  space: Space | null;
  /** The disk of the bus. */
  disk: { freeBytes: number | null; minFreeBytes: number } | null;
  exports: Record<string, ExportEntry>;
  /** Progress and findings of the newest scrub; null before the first. */
  scrub: ShownScrub | null;
  /** The last garbage collection; null before the first. */
  gc: GcState | null;
}

/** Reads the state of a bus. It locks and writes nothing. */
export async function readStatus(config: BusConfig): Promise<BusStatus> {
  const layout = busLayout(config.busRoot);
  const initialised = (await readBusMarker(config.busRoot)) !== undefined;
  const holder = await readLockHolder(config.duckdbPath);
  const { exports } = await readExportStatus(config.export.exportDir);
  const { alive, ...writer } = holder ?? { alive: false };
  const state = initialised ? readDaemonState(config.busRoot) : undefined;
  return {
    busRoot: config.busRoot,
    initialised,
    writer: alive ? (writer as LockHolder) : null,
    daemon: alive && state !== undefined && state.pid === holder?.pid ? state : null,
    queue: initialised
      ? { ...(await countInbox(layout.inbox)), claimed: claimedNames(await readdir(layout.claimed)).length }
      : { waiting: 0, claimed: 0, uncommitted: 0 },
    ...(await readCatalog(config.duckdbPath)),
    disk: initialised ? { freeBytes: freeBytes(config.busRoot) ?? null, minFreeBytes: config.minFreeBytes } : null,
    exports,
    scrub: shownScrub(readScrubState(config.busRoot)),
    gc: readGcState(config.busRoot) ?? null,
  };
}

async function countInbox(inbox: string): Promise<{ waiting: number; uncommitted: number }> {
  const { waiting, uncommitted, closed } = await lookIntoInbox(inbox);
  return { waiting: waiting.length, uncommitted: uncommitted.length + closed.length };
}

async function readCatalog(
  duckdbPath: string,
): Promise<Pick<BusStatus, 'jobs' | 'artifacts' | 'lastCommit' | 'space'>> {
  if (!(await exists(duckdbPath))) return { jobs: null, artifacts: null, lastCommit: null, space: null };
  const database = await openDuckDb(duckdbPath, { readOnly: true });
  try {
    const counts = await database.query('SELECT status, count(*) AS n FROM catalog.jobs_f GROUP BY status');
    const [last] = await database.query(
      'SELECT seq, job_id, committed_at FROM catalog.jobs_f ORDER BY seq DESC LIMIT 1',
    );
    const [{ n } = { n: 0 }] = await database.query('SELECT count(*) AS n FROM catalog.artifacts_f');
    const count = (status: string) => Number(counts.find(row => row.status === status)?.n ?? 0);
    return {
      jobs: {
        ingested: count('ingested'),
        duplicate: count('duplicate'),
        rejected: count('rejected'),
        dismissed: count('dismissed'),
      },
      artifacts: Number(n),
      space: await readSpace(database, new Date()),
      lastCommit:
        last === undefined
          ? null
          : { seq: Number(last.seq), jobId: String(last.job_id), at: (last.committed_at as Date).toISOString() },
    };
  } finally {
    await database.close();
  }
}
