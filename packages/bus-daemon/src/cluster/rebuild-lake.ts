import { setTimeout as sleep } from 'node:timers/promises';
import { dropLake } from '@quantbot/bus-cluster';
import type { OnProgress } from '@quantbot/bus-format';
import type { Logger } from '@quantbot/infra';
import type { BusConfig, ClusterConfig } from '@quantbot/infra/config';
import { Closers } from '../closers.js';
import { Publication } from './publication.js';
import { openCluster } from './start.js';

const lookEveryMs = 500;

/** The options with which a cluster is opened. */
interface Options {
  config: BusConfig;
  cluster: ClusterConfig;
  logger: Logger;
  onProgress: OnProgress;
}

/**
 * Rebuilds the lake from the journal and the store. If daemons run, the one that publishes does the
 * work.
 *
 * @returns the last seq that readers see again.
 */
export const rebuildLake = (options: Options): Promise<number> => publish(options, true);

/** Publishes all commits, unless a daemon does it. @returns the last seq of them. */
export const publishAll = (options: Options): Promise<number> => publish(options, false);

async function publish(options: Options, anew: boolean): Promise<number> {
  const opened = new Closers();
  try {
    const cluster = await openCluster(options, opened);
    if (anew) await dropLake(cluster.postgres);
    const publication = new Publication(cluster, () => {});
    opened.push(() => publication.close());
    const [{ seq } = { seq: 0 }] = await cluster.postgres.query<{ seq: number }>('SELECT seq FROM bus.head');
    const tell = () =>
      options.onProgress({ done: Math.min(publication.seq, seq), total: seq, unit: 'jobs', what: 'lake' });
    tell();
    while (publication.seq < seq) {
      if (!(await publication.advance())) await sleep(lookEveryMs);
      if (publication.fault !== undefined) throw publication.fault;
      tell();
    }
    return publication.seq;
  } finally {
    await opened.close();
  }
}
