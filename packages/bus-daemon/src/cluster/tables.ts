import {
  forgottenRowsOf,
  type Head,
  mustBeCurrent,
  Postgres,
  schemasBetween,
  tableOperationsBetween,
  tablesAt,
} from '@quantbot/bus-cluster';
import { canonTableOf, TableRegistry } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import type { TableOperation } from '@quantbot/infra';
import { type BusConfig, type ClusterConfig, tableModes } from '@quantbot/infra/config';
import { lakeAddress } from '@quantbot/storage/lake';
import type { TableFacts } from '../writer/bus.js';
import { decideTable } from '../writer/stages/table-operation.js';
import type { Cluster } from './cluster.js';

/**
 * Reads the canonical tables after operations have changed some. Other stages share the registry.
 */
export async function readTables(
  cluster: Pick<Cluster, 'config' | 'postgres' | 'tables'> & { tablesSeq: number },
): Promise<void> {
  const { config, postgres, tables } = cluster;
  const [{ seq } = { seq: 0 }] = await postgres.query<{ seq: number }>('SELECT seq FROM bus.head');
  for (const schema of await schemasBetween(postgres, cluster.tablesSeq, seq)) tables.apply(schema);
  const now = await tablesAt(postgres, seq, config.canon.tables);
  for (const name of now.changedByOperations) {
    const start = now.startOf(name);
    if (start !== undefined) tables.replace(name, start, now);
  }
  cluster.tablesSeq = seq;
}

/** Returns the facts of a cluster's journal, as the transaction of a commit sees it. */
export const tableFactsAt = (
  { config }: Pick<Cluster, 'config'>,
  { queries, lastSeq }: Pick<Head, 'lastSeq' | 'queries'>,
): TableFacts => ({
  refusal,
  operations: () => tableOperationsBetween(queries, 0, lastSeq),
  replay: async (table, start) => {
    const all = await schemasBetween(queries, 0, lastSeq);
    const own = all.filter(({ schemaHint }) => canonTableOf(schemaHint) === table);
    return TableRegistry.replay(own, config.canon.tables, { starts: new Map([[table, start]]) });
  },
  withoutKey: async () => undefined, // no table gets a key
  forgotten: table => forgottenRowsOf(queries, table),
});

/**
 * Decides an operation as a daemon would now: the table as it is, and the rows that it would lose.
 */
export async function previewOfTable(
  config: BusConfig & { cluster: ClusterConfig },
  op: TableOperation,
): Promise<{ before: { mode: string; key: readonly string[]; order_by: readonly string[] }; erased: JournalRow[] }> {
  const postgres = await Postgres.open((await lakeAddress(config.cluster)).postgres, { connections: 2 });
  try {
    await mustBeCurrent(postgres);
    const lastSeq = Number.MAX_SAFE_INTEGER;
    const tables = await tablesAt(postgres, lastSeq, config.canon.tables);
    const tableFacts = tableFactsAt({ config }, { queries: postgres, lastSeq });
    const { before, erased } = await decideTable({ config, tables, tableFacts }, op);
    const { mode = '', key = [], orderBy = [] } = before ?? {};
    return { before: { mode, key, order_by: orderBy }, erased };
  } finally {
    await postgres.close();
  }
}

function refusal(op: TableOperation): string | undefined {
  const only = 'A bus on many machines can only set the modes append and latest yet.';
  return op.type === 'table_set_mode' && !tableModes[op.mode].isKeyed ? undefined : only;
}
