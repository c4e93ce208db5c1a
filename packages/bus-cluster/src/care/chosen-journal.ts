import type { Judged } from '@quantbot/bus-format/journal';
import { type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { judgeIn } from '../judge.js';
import { Postgres } from '../postgres/postgres.js';

/** The journal of a cluster, for programs that choose what to forget. */
export interface ChosenJournal {
  query<Row>(sql: string): Promise<Row[]>;
  /** FROM clause of all rows except those of forgotten artifacts. */
  stored: string;
  judge(keys: readonly string[]): Promise<Judged[]>;
  close(): Promise<void>;
}

const stored = `(SELECT * FROM bus.journal WHERE status = 'ingested'
  AND artifact_key NOT IN (SELECT artifact_key FROM bus.forgotten)) AS stored`;

/**
 * Opens the journal of a cluster to choose what to forget.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`.
 */
export async function openChosenJournal(cluster: ClusterConfig): Promise<ChosenJournal> {
  const postgres = await Postgres.open(withVariables(cluster.postgres), { connections: 1 });
  return {
    query: async sql => (await postgres.query(sql)) as never,
    stored,
    judge: keys => judgeIn(postgres, keys),
    close: () => postgres.close(),
  };
}
