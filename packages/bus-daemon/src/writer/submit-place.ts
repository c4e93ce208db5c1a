import { type BusConfig, withVariables } from '@quantbot/infra/config';
import type { S3Options } from '@quantbot/infra/objects';

/** Returns where operations of a bus are submitted: its folder, or its object store. */
export const submitPlace = ({ cluster, busRoot }: BusConfig): { busRoot: string; s3?: S3Options } =>
  cluster === undefined ? { busRoot } : { busRoot: withVariables(cluster.objects), s3: cluster.s3 };
