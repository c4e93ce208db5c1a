import type { Queries } from './postgres/postgres.js';

/**
 * Takes jobs for a daemon, for a while: those on which no other daemon has a lease. PostgreSQL's
 * clock decides, so the clocks of the hosts may differ. A lease is no lock: two daemons may work on
 * one job, and only one will commit it.
 *
 * @param jobIds in the order in which to take them.
 * @param limit the most that it takes.
 * @returns the job ids that it got.
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

/** Extends the leases that a daemon has. */
export async function renewLeases(queries: Queries, daemon: string, leaseS: number): Promise<void> {
  await queries.query('UPDATE bus.work SET lease_until = now() + make_interval(secs => $2) WHERE daemon = $1', [
    daemon,
    leaseS,
  ]);
}

/** Gives jobs back: they are settled, or another daemon may take them. */
export async function releaseJobs(queries: Queries, daemon: string, jobIds: readonly string[]): Promise<void> {
  await queries.query('DELETE FROM bus.work WHERE daemon = $1 AND job_id = ANY($2)', [daemon, jobIds]);
}

/** A daemon that was not seen for so many leases is gone, or frozen. */
export const leasesUnseen = 2;

/** A daemon of the cluster. */
export interface Member {
  daemon: string;
  host: string;
  pid: number;
  version: string;
}

/** Says that a daemon is there. */
export async function noteMember(queries: Queries, { daemon, host, pid, version }: Member): Promise<void> {
  await queries.query(
    `INSERT INTO bus.members (daemon, host, pid, version) VALUES ($1, $2, $3, $4)
     ON CONFLICT (daemon) DO UPDATE SET last_seen = now()`,
    [daemon, host, pid, version],
  );
}

/** How many daemons were seen within so many seconds. */
export async function countMembers(queries: Queries, withinS: number): Promise<number> {
  const [row] = await queries.query<{ n: number }>(
    'SELECT count(*) AS n FROM bus.members WHERE last_seen > now() - make_interval(secs => $1)',
    [withinS],
  );
  return row?.n ?? 0;
}

/** How many jobs daemons work on. */
export async function countLeased(queries: Queries): Promise<number> {
  const [row] = await queries.query<{ n: number }>('SELECT count(*) AS n FROM bus.work WHERE lease_until > now()');
  return row?.n ?? 0;
}

/** Takes daemons off the list that were not seen for so long. One that was frozen comes back. */
export async function forgetMembers(queries: Queries, unseenS: number): Promise<void> {
  await queries.query('DELETE FROM bus.members WHERE last_seen < now() - make_interval(secs => $1)', [unseenS]);
}

/** Says that a daemon has ended, and gives its jobs back. */
export async function removeMember(queries: Queries, daemon: string): Promise<void> {
  await queries.query('DELETE FROM bus.work WHERE daemon = $1', [daemon]);
  await queries.query('DELETE FROM bus.members WHERE daemon = $1', [daemon]);
}
