import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportRequest, Postgres } from '@quantbot/bus-cluster';
import { daemonError, type OnProgress } from '@quantbot/bus-format';
import type { ExportEntry } from '@quantbot/bus-format/state';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { type ClusterExport, clusterExports, entriesOf, isAskedFor, isBehind } from './golden-exports.js';

const lookEveryMs = 200;

/**
 * Waits until the publisher has written, or tried, what an operator asked for.
 *
 * @returns all exports of the cluster.
 * @throws DaemonError `EXPORT_FAILED` if nothing is written for too long.
 */
export async function awaitExports(
  config: BusConfig,
  cluster: ClusterConfig,
  request: ExportRequest,
  onProgress: OnProgress,
): Promise<Record<string, ExportEntry>> {
  const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
  const postgres = await Postgres.open(withVariables(cluster.postgres), { connections: 2 });
  try {
    const patienceMs = config.export.timeoutMs + cluster.leaseS * 1000 + 10_000;
    let deadline = performance.now() + patienceMs;
    let left = -1;
    for (;;) {
      const items = await clusterExports({ postgres, config }, request.seq);
      const asked = items.filter(item => isAskedFor(item, request));
      const open = asked.filter(item => isOpen(item, request));
      if (open.length !== left) deadline = performance.now() + patienceMs;
      left = open.length;
      onProgress({ done: asked.length - left, total: asked.length, unit: 'exports' });
      if (left === 0) return entriesOf(objects, items);
      if (performance.now() > deadline)
        throw daemonError('EXPORT_FAILED', 'A daemon accepted the request, but none wrote the exports.', {
          hint: 'Run `quantbot-bus status` to see whether a daemon runs, and read the log of the one that publishes.',
        });
      await sleep(lookEveryMs);
    }
  } finally {
    await postgres.close();
  }
}

const isOpen = (item: ClusterExport, { seq, force }: ExportRequest): boolean =>
  (item.known?.triedSeq ?? 0) < seq && (force || isBehind(item));
