import { daemonError } from '@quantbot/bus-format';
import type { VisibleBus } from './view/visible-bus.js';

/** @throws DaemonError `CLUSTER_UNSUPPORTED` for what only a bus on one machine has. */
export function refuseOnCluster({ cluster }: Pick<VisibleBus, 'cluster'>): void {
  if (cluster !== undefined)
    throw daemonError('CLUSTER_UNSUPPORTED', 'The files of this bus are on its object store.', {
      hint: 'Read them there, and submit there: docs/guides/many-machines.md says how.',
    });
}
