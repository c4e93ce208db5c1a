import type { Queries } from './postgres/postgres.js';

/**
 * Leases jobs to a daemon, except those that another daemon has a lease on. PostgreSQL's clock
 * decides, so the clocks of the hosts may differ. A lease is no lock: two daemons may work on one
 * job, and only one commits it.
 *
 * @param jobIds in the order in which to take them.
 * @param limit how many it takes at most.
 * @returns the job ids that it has leased.
 */
export async function takeJobs(
  queries: Queries,
  daemon: string,
  jobIds: readonly string[],
  { leaseS, limit }: { leaseS: number; limit: number },
): Promise<Set<string>> {
  if (jobIds.length === 0) return new Set();
  const rows = await queries.query<{ job_id: string }>(
    // In the order of ids, so that two daemons do not wait for each other.
    `INSERT INTO bus.work (job_id, daemon, lease_until) SELECT job_id, $2, now() + make_interval(secs => $3)
     FROM (SELECT job_id FROM unnest($1::text[]) WITH ORDINALITY AS given (job_id, place)
           WHERE NOT EXISTS (SELECT 1 FROM bus.work WHERE work.job_id = given.job_id AND lease_until >= now() AND daemon <> $2)
           ORDER BY place LIMIT $4) free ORDER BY job_id
     ON CONFLICT (job_id) DO UPDATE SET daemon = EXCLUDED.daemon, lease_until = EXCLUDED.lease_until
       WHERE bus.work.lease_until < now() OR bus.work.daemon = EXCLUDED.daemon
     RETURNING job_id`,
    [jobIds, daemon, leaseS, limit],
  );
  return new Set(rows.map(({ job_id }) => job_id));
}

/** Extends the leases of a daemon. */
export async function renewLeases(queries: Queries, daemon: string, leaseS: number): Promise<void> {
  await queries.query('UPDATE bus.work SET lease_until = now() + make_interval(secs => $2) WHERE daemon = $1', [
    daemon,
    leaseS,
  ]);
}

/** Ends leases: the jobs are settled, or another daemon may take them. */
export async function releaseJobs(queries: Queries, daemon: string, jobIds: readonly string[]): Promise<void> {
  await queries.query('DELETE FROM bus.work WHERE daemon = $1 AND job_id = ANY($2)', [daemon, jobIds]);
}

/** A daemon that was not seen for this many leases is gone, or frozen. */
export const leasesUnseen = 2;

/** A daemon of the cluster. */
export interface Member {
  daemon: string;
  host: string;
  pid: number;
  version: string;
}

/** Records that a daemon is alive. */
export async function noteMember(queries: Queries, { daemon, host, pid, version }: Member): Promise<void> {
  await queries.query(
    `INSERT INTO bus.members (daemon, host, pid, version) VALUES ($1, $2, $3, $4)
     ON CONFLICT (daemon) DO UPDATE SET last_seen = now()`,
    [daemon, host, pid, version],
  );
}

/** Counts the daemons that were seen within this many seconds. */
export async function countMembers(queries: Queries, withinS: number): Promise<number> {
  const [row] = await queries.query<{ n: number }>(
    'SELECT count(*) AS n FROM bus.members WHERE last_seen > now() - make_interval(secs => $1)',
    [withinS],
  );
  return row?.n ?? 0;
}

/** Counts the jobs with a lease. */
export async function countLeased(queries: Queries): Promise<number> {
  const [row] = await queries.query<{ n: number }>('SELECT count(*) AS n FROM bus.work WHERE lease_until > now()');
  return row?.n ?? 0;
}

/** Removes daemons that were not seen for this long. A frozen one adds itself again. */
export async function forgetMembers(queries: Queries, unseenS: number): Promise<void> {
  await queries.query('DELETE FROM bus.members WHERE last_seen < now() - make_interval(secs => $1)', [unseenS]);
}

/** Removes a daemon that ends, and its leases. */
export async function removeMember(queries: Queries, daemon: string): Promise<void> {
  await queries.query('DELETE FROM bus.work WHERE daemon = $1', [daemon]);
  await queries.query('DELETE FROM bus.members WHERE daemon = $1', [daemon]);
}
