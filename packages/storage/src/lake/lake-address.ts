import { fileURLToPath } from 'node:url';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { s3Access } from '@quantbot/infra/objects';
import type { LakeAddress } from './open-lake.js';

/** Returns the address of a configured cluster's lake, with environment variables filled in. */
export async function lakeAddress(cluster: ClusterConfig): Promise<LakeAddress> {
  const objects = withVariables(cluster.objects);
  const isFolder = objects.startsWith('file:');
  return {
    postgres: withVariables(cluster.postgres),
    root: (isFolder ? fileURLToPath(objects) : objects).replace(/\/+$/, ''),
    s3: isFolder ? undefined : await s3Access(objects, cluster.s3),
    extensions: cluster.extensions,
  };
}
