import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import {
  JournalArchive,
  mustBeCurrent,
  openBusObjects,
  Postgres,
  tablesAt,
  unsupportedColumns,
} from '@quantbot/bus-cluster';
import { TableLimits } from '@quantbot/bus-format/canon';
import { version } from '@quantbot/bus-format/version';
import { BulkWriter, WorkerProcess } from '@quantbot/duckdb-process';
import type { Logger } from '@quantbot/infra';
import { busError, writeBusLimits } from '@quantbot/infra/bus';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { lakeAddresses } from '@quantbot/storage/lake';
import { makeOwnFolder } from '@quantbot/storage/sandbox';
import { Closers } from '../closers.js';
import { lookOn, runToItsEnd } from '../look-on.js';
import type { Daemon } from '../running-daemon.js';
import { randomClaim, systemClock } from '../writer/bus.js';
import { Events } from '../writer/events.js';
import type { StartOnlooker } from '../writer/onlooker.js';
import type { Cluster } from './cluster.js';
import { ClusterLoop } from './loop.js';
import { visibleCluster } from './visible.js';

const workerIdleMs = 60_000;

/**
 * Starts one of the daemons of a cluster, which runs until it is stopped.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`, `CLUSTER_OLDER`, `CLUSTER_NEWER`.
 */
export async function startClusterDaemon(
  options: { config: BusConfig; cluster: ClusterConfig; logger: Logger; drain?: boolean },
  onlookers: readonly StartOnlooker[] = [],
): Promise<Daemon> {
  const opened = new Closers();
  try {
    const cluster = await openCluster(options, opened);
    const loop = new ClusterLoop(cluster, options.drain ?? false);
    const bus = visibleCluster(cluster, options.cluster, loop);
    const url = await lookOn(onlookers, bus, loop, { opened, outliving: opened });
    const finished = runToItsEnd(loop, cluster.events).finally(() => opened.close());
    return {
      url,
      finished,
      get failed() {
        return loop.failed;
      },
      stop: () => {
        loop.stop();
        return finished;
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Opens the context of the stages of a cluster's daemon. */
export async function openCluster(
  { config, cluster, logger }: { config: BusConfig; cluster: ClusterConfig; logger: Logger },
  opened: Closers,
): Promise<Cluster> {
  const lake = lakeAddresses(cluster);
  const postgres = await Postgres.open((await lake()).postgres);
  opened.push(() => postgres.close());
  await mustBeCurrent(postgres);
  const [{ busId } = { busId: '' }] = await postgres.query<{ busId: string }>('SELECT bus_id AS "busId" FROM bus.head');
  const objects = await openBusObjects(withVariables(cluster.objects), cluster.s3, busId);
  await JournalArchive.open(postgres, objects); // refuses a database that was restored to an earlier state
  const daemon = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const base = cluster.workDir ?? tmpdir();
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const { path: workFolder, remove } = makeOwnFolder(`bus-${hostname()}`, base);
  opened.push(async () => remove());
  await writeBusLimits(workFolder, { min_free_bytes: config.minFreeBytes }); // it takes uploads
  const inspector = new WorkerProcess('inspect', { idleMs: workerIdleMs, spillIn: workFolder });
  const fragmentWriter = new BulkWriter('fragments', { idleMs: workerIdleMs, spillIn: workFolder });
  opened.push(async () => inspector.close());
  opened.push(async () => fragmentWriter.close());
  const [{ seq } = { seq: 0 }] = await postgres.query<{ seq: number }>('SELECT seq FROM bus.head');
  const tables = await tablesAt(postgres, seq, config.canon.tables);
  return {
    config,
    logger,
    events: new Events(logger),
    postgres,
    objects,
    lake,
    member: { daemon, host: hostname(), pid: process.pid, version },
    leaseS: cluster.leaseS,
    workFolder,
    tables,
    tablesSeq: seq,
    tableLimits: lakeLimits(),
    inspector,
    fragmentWriter,
    ...systemClock,
    newClaim: randomClaim,
  };
}

/** Returns the limits of one machine, and those of DuckLake. */
function lakeLimits(): Pick<TableLimits, 'apply'> {
  const limits = new TableLimits();
  return {
    apply: (config, producer, changes) => {
      const details = changes.flatMap(({ after }) => unsupportedColumns(after.columns));
      if (details.length > 0)
        throw busError(
          'COLUMN_UNSUPPORTED',
          `A canonical table of a cluster cannot have this column: ${details.join('; ')}.`,
          {
            details,
          },
        );
      limits.apply(config, producer, changes);
    },
  };
}
