import { fileURLToPath } from 'node:url';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { s3Access } from '@quantbot/infra/objects';
import type { LakeAddress, LakeAddresses } from './open-lake.js';

/** Returns the address of a configured cluster's lake, with environment variables filled in. */
export const lakeAddress = (cluster: ClusterConfig): Promise<LakeAddress> => lakeAddresses(cluster)();

/**
 * Returns a function that gives the address of a configured cluster's lake, with credentials that
 * are valid for the next minutes. With `renew`, it looks for new credentials in any case.
 */
export function lakeAddresses(cluster: ClusterConfig): LakeAddresses {
  const objects = withVariables(cluster.objects);
  const isFolder = objects.startsWith('file:');
  const access = isFolder ? undefined : s3Access(objects, cluster.s3);
  return async renew => ({
    postgres: withVariables(cluster.postgres),
    root: (isFolder ? fileURLToPath(objects) : objects).replace(/\/+$/, ''),
    s3: await access?.(renew),
    extensions: cluster.extensions,
  });
}
