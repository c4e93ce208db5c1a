import { collectGarbage, type GcItem, type GcOptions } from '@quantbot/bus-care/gc';
import { type ScrubOptions, scrub } from '@quantbot/bus-care/scrub';
import type { ScrubState } from '@quantbot/bus-format/state';
import type { BusConfig } from '@quantbot/infra/config';

/** Users with one machine do not install the package. */
const clusterCare = () => import('@quantbot/bus-cluster/care');

/** Scrubs a bus on one machine or a cluster: see `scrub` and `scrubCluster`. */
export const scrubBus = async (config: BusConfig, options: ScrubOptions): Promise<ScrubState> =>
  config.cluster === undefined ? scrub(config, options) : (await clusterCare()).scrubCluster(config.cluster, options);

/** Removes garbage of a bus: see `collectGarbage` and `collectClusterGarbage`. */
export const collectGarbageOf = async (config: BusConfig, options: GcOptions): Promise<GcItem[]> =>
  config.cluster === undefined
    ? collectGarbage(config, options)
    : (await clusterCare()).collectClusterGarbage(config.cluster, options);
