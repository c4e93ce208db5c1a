import { fileURLToPath } from 'node:url';
import { type ClusterConfig, findBusConfig, withVariables } from '@quantbot/infra/config';

/**
 * Returns the cluster that the nearest `bus_config.json` describes, if a file or an object is in
 * its object store.
 *
 * @param place an absolute path, or an `s3://` URL.
 * @throws BusError `CONFIG_INVALID`.
 */
export function clusterWith(place: string): ClusterConfig | undefined {
  const { cluster } = findBusConfig().config;
  if (cluster === undefined) return undefined;
  const objects = withVariables(cluster.objects).replace(/\/+$/, '');
  const root = objects.startsWith('file:') ? fileURLToPath(objects) : objects;
  return place.startsWith(`${root}/`) ? cluster : undefined;
}
