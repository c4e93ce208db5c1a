import { tmpdir } from 'node:os';
import { LakePublisher, migrate, Postgres } from '@quantbot/bus-cluster';
import { compareArchive } from '@quantbot/bus-cluster/care';
import { busError, isDamagedMarker, markerIn, maxMarkerBytes, newMarkerText, objectKeys } from '@quantbot/infra/bus';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { lakeAddress, openLake } from '@quantbot/storage/lake';
import { ensureExportStatus } from './exports/status-object.js';
import { lakeInfo } from './lake-info.js';

/** The result of an initialisation. */
export interface InitialisedCluster {
  busId: string;
  /** Names of the migrations that ran. */
  migrations: string[];
  /** The URL of the objects, without credentials. */
  objects: string;
}

/**
 * Creates or completes what a cluster needs: the schema `bus`, the lake, the marker. It can be run
 * again at any time, also while daemons run.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`, `CLUSTER_NEWER`; StorageError `LAKE_UNREACHABLE`,
 * `EXTENSION_MISSING`; BusError `BUS_ROOT_INVALID` if the objects are those of another bus.
 */
export async function initCluster(config: BusConfig, cluster: ClusterConfig): Promise<InitialisedCluster> {
  const address = await lakeAddress(cluster);
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const postgres = await Postgres.open(address.postgres);
  try {
    const migrations = await migrate(postgres);
    const info = await lakeInfo(postgres, objects);
    await mark(postgres, objects, info.busId);
    await ensureExportStatus(objects);
    const lake = await openLake(address, { readOnly: false });
    try {
      await lake.connection.run('USE lake');
      await new LakePublisher({
        postgres,
        lake,
        place: { root: address.root, objects, workFolder: cluster.workDir ?? tmpdir() },
        declared: config.canon.tables,
        info,
      }).prepare();
    } finally {
      lake.close();
    }
    return { busId: info.busId, migrations, objects: objects.url };
  } finally {
    await postgres.close();
  }
}

/**
 * Creates the marker, or writes it again if it is damaged. From then on, producers accept the place
 * as a bus.
 */
async function mark(postgres: Postgres, objects: Objects, busId: string): Promise<void> {
  const marker = Buffer.from(newMarkerText(busId));
  if ((await objects.create(objectKeys.marker, marker)) === 'created') return;
  const text = (await objects.read(objectKeys.marker, maxMarkerBytes))?.toString('utf8') ?? '';
  if (isDamagedMarker(text)) {
    if ((await compareArchive(postgres, objects)).length === 0) return objects.replace(objectKeys.marker, marker);
    throw busError(
      'BUS_ROOT_INVALID',
      `${objects.url}/${objectKeys.marker} is damaged, and the journal beside it is not that of the database.`,
      {
        hint: 'Correct cluster.objects or cluster.postgres. If they are right, restore earlier versions of the objects.',
      },
    );
  }
  const { bus_id: there } = markerIn(text, objects.url, `${objects.url}/${objectKeys.marker}`);
  if (there !== busId)
    throw busError(
      'BUS_ROOT_INVALID',
      `${objects.url} belongs to the bus ${there}; the database has the bus ${busId}.`,
      {
        hint: 'Give each bus a prefix and a database of its own.',
      },
    );
}
