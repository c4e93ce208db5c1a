import { version as duckdbVersion } from '@duckdb/node-api';
import type { Postgres } from '@quantbot/bus-cluster';
import { version } from '@quantbot/bus-format/version';
import type { BusInfo } from '@quantbot/bus-format/views';
import type { Objects } from '@quantbot/infra/objects';

/** Returns the facts for `catalog.bus_info` of a cluster. */
export async function lakeInfo(postgres: Postgres, objects: Objects): Promise<Omit<BusInfo, 'publishedAt'>> {
  const [head] = await postgres.query<{ bus_id: string }>('SELECT bus_id FROM bus.head');
  return {
    busId: head?.bus_id ?? '',
    dataRoot: objects.url,
    exportDir: objects.locationOf('exports'),
    duckdbPath: 'ducklake',
    daemonVersion: version,
    duckdbVersion: duckdbVersion(),
  };
}
