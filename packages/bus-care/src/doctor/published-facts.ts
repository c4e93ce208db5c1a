import { readSpace, type Space } from '@quantbot/bus-format';
import { foldName } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { openDuckDb } from '@quantbot/storage';

/** Facts about the bus that the published database holds. */
export interface PublishedFacts {
  daemonVersion: string;
  duckdbVersion: string;
  /** All views and tables, as `schema.name` in lower case. */
  names: ReadonlySet<string>;
  tables: { name: string; lastSeq: number; lastCommittedAt: Date | null }[];
  /** The views of `publish.views` that could not be created. */
  failedViews: { name: string; error: string }[];
  /** Ids of rejected jobs that were dismissed, and not rejected again since. */
  dismissed: ReadonlySet<string>;
  lastCommit: { seq: number; at: Date } | undefined;
  /** Who uses the store. */
  space: Space;
}

/** Reads the facts from the published database, like any reader. */
export async function readPublishedFacts({ duckdbPath }: BusConfig, now: number): Promise<PublishedFacts> {
  const database = await openDuckDb(duckdbPath, { readOnly: true });
  try {
    const [info] = await database.query<{ daemon_version: string; duckdb_version: string }>(
      'SELECT daemon_version, duckdb_version FROM catalog.bus_info',
    );
    const names = await database.query<{ name: string }>(
      `SELECT schema_name || '.' || view_name AS name FROM duckdb_views()
       UNION ALL SELECT schema_name || '.' || table_name FROM duckdb_tables()`,
    );
    const tables = await database.query<{
      table_name: string;
      last_seq: number | null;
      last_committed_at: Date | null;
    }>('SELECT table_name, last_seq, last_committed_at FROM catalog.tables_d ORDER BY table_name');
    const failedViews = await database.query<{ name: string; error: string }>(
      'SELECT name, error FROM catalog.views_d WHERE NOT ok',
    );
    const [last] = await database.query<{ seq: number; committed_at: Date }>(
      'SELECT seq, committed_at FROM catalog.jobs_f ORDER BY seq DESC LIMIT 1',
    );
    const dismissed = await database.query<{ job_id: string }>(
      `SELECT job_id FROM catalog.jobs_f WHERE reject_code IS NOT NULL GROUP BY job_id HAVING arg_max(status, seq) = 'dismissed'`,
    );
    return {
      daemonVersion: info?.daemon_version ?? 'unknown',
      duckdbVersion: info?.duckdb_version ?? 'unknown',
      names: new Set(names.map(({ name }) => foldName(name))),
      tables: tables.map(row => ({
        name: row.table_name,
        lastSeq: Number(row.last_seq ?? 0),
        lastCommittedAt: row.last_committed_at,
      })),
      failedViews,
      space: await readSpace(database, new Date(now)),
      dismissed: new Set(dismissed.map(row => row.job_id)),
      lastCommit: last && { seq: Number(last.seq), at: last.committed_at },
    };
  } finally {
    await database.close();
  }
}
