import {
  type JobEntry,
  type JobList,
  type JobsWanted,
  listedJobs,
  type OpenJob,
  wantsOpen,
} from '@quantbot/bus-care/jobs';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { openCatalog } from '@quantbot/storage';
import { lakeAddress } from '@quantbot/storage/lake';
import { entryOf } from '../inbox.js';
import { Postgres, type Queries } from '../postgres/postgres.js';

const pageSize = 1000;

/** The jobs of a cluster in any state. */
export class ClusterJobs {
  readonly #cluster: ClusterConfig;

  constructor(cluster: ClusterConfig) {
    this.#cluster = cluster;
  }

  /**
   * Returns jobs that have not settled, then settled ones, newest first. A cluster has no job
   * without COMMIT, because an entry of the inbox is always whole.
   */
  async list(wanted: JobsWanted): Promise<JobList> {
    const open = wantsOpen(wanted) ? await this.#open() : [];
    await using catalog = await openCatalog({ lake: await lakeAddress(this.#cluster) });
    return await listedJobs(catalog, open, wanted);
  }

  /** Returns a job by its id; undefined if the bus does not know it. */
  async find(jobId: string): Promise<JobEntry | undefined> {
    const open = (await this.#open()).find(job => job.jobId === jobId);
    if (open !== undefined) return open;
    await using catalog = await openCatalog({ lake: await lakeAddress(this.#cluster) });
    const settled = await catalog.job(jobId);
    return settled && { jobId, state: settled.status, at: settled.committedAt, settled };
  }

  async #open(): Promise<OpenJob[]> {
    const postgres = await Postgres.open(withVariables(this.#cluster.postgres), { connections: 2 });
    try {
      const objects = await openObjects(withVariables(this.#cluster.objects), this.#cluster.s3);
      return await openJobsOf(postgres, objects);
    } finally {
      await postgres.close();
    }
  }
}

/**
 * Returns the jobs that have not settled, newest first. A daemon works on those with a lease.
 *
 * @param max examine only this many entries of the inbox.
 */
export async function openJobsOf(
  queries: Queries,
  objects: Objects,
  max = Number.POSITIVE_INFINITY,
): Promise<OpenJob[]> {
  const jobs = new Map<string, OpenJob>();
  let after: string | undefined;
  for (let left = max; left > 0; ) {
    const limit = Math.min(pageSize, left);
    const page = await objects.list('inbox/', { limit, ...(after !== undefined && { after }) });
    for (const { key, modifiedAtMs } of page) {
      const { jobId } = entryOf(key);
      jobs.set(jobId, { jobId, state: 'waiting', at: new Date(modifiedAtMs), settled: null });
    }
    after = page.at(-1)?.key;
    left = page.length < limit ? 0 : left - page.length;
  }
  const leased = await queries.query<{ job_id: string }>(
    'SELECT job_id FROM bus.work WHERE lease_until > now() AND job_id = ANY($1)',
    [[...jobs.keys()]],
  );
  for (const { job_id: jobId } of leased) jobs.set(jobId, { ...(jobs.get(jobId) as OpenJob), state: 'claimed' });
  return [...jobs.values()].sort((a, b) => b.at.getTime() - a.at.getTime());
}
