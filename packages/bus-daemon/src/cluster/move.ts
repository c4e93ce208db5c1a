import { verifyStore } from '@quantbot/bus-care/verify';
import { verifyCluster } from '@quantbot/bus-cluster/care';
import type { OnProgress } from '@quantbot/bus-format';
import { type MoveReport, moveToCluster, moveToMachine } from '@quantbot/bus-migrate/move';
import type { Logger } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { rebuild } from '../rebuild.js';
import { initCluster } from './init.js';
import { publishAll } from './rebuild-lake.js';

/** A configuration and its file. */
interface Place {
  config: BusConfig;
  path: string;
}

/**
 * Moves a whole bus from one machine into a cluster, or back. The configurations decide the
 * direction. It can be interrupted at any moment and run again.
 *
 * @throws as `moveToCluster` and `moveToMachine`; BusError `CONFIG_INVALID` if both are of a
 * cluster, or neither is.
 */
export async function move(
  { config: from }: Pick<Place, 'config'>,
  { config: to, path }: Place,
  logger: Logger,
  onProgress: OnProgress,
): Promise<MoveReport> {
  if (from.cluster === undefined && to.cluster !== undefined) {
    const { cluster } = to;
    return moveToCluster({
      from,
      to: { ...to, cluster },
      init: () => initCluster(to, cluster),
      publish: () => publishAll({ config: to, cluster, logger, onProgress }),
      verify: () => verifyCluster(cluster, { config: path, onProgress }),
      onProgress,
    });
  }
  if (from.cluster !== undefined && to.cluster === undefined)
    return moveToMachine({
      from: { ...from, cluster: from.cluster },
      to,
      rebuild: () => rebuild(to, logger, onProgress),
      verify: () => verifyStore(to, { onProgress }),
      onProgress,
    });
  throw busError('CONFIG_INVALID', 'A bus moves from one machine into a cluster, or back.', {
    hint: 'Exactly one of the two configurations must have a section cluster.',
  });
}
