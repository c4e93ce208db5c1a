import {
  forgottenRowsOf,
  type Head,
  mustBeCurrent,
  operatedTables,
  Postgres,
  schemasBetween,
  tableOperationsBetween,
  tablesAt,
} from '@quantbot/bus-cluster';
import { TableRegistry } from '@quantbot/bus-format/canon';
import type { TableOperation } from '@quantbot/infra';
import { type BusConfig, type ClusterConfig, tableModes } from '@quantbot/infra/config';
import { lakeAddress } from '@quantbot/storage/lake';
import type { TableFacts } from '../writer/bus.js';
import type { TableChange } from '../writer/job.js';
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
  tables.become(await tablesAt(postgres, seq, config.canon.tables));
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
    const { names } = await operatedTables(queries, lastSeq);
    const all = await schemasBetween(queries, 0, lastSeq);
    const own = all.filter(
      ({ schemaHint, seq }) => names.tableOf(schemaHint, seq) === table && seq > (start.after ?? 0),
    );
    return TableRegistry.replay(
      own.map(schema => ({ ...schema, table })),
      config.canon.tables,
      { starts: new Map([[table, start]]), names },
    );
  },
  withoutKey: async () => undefined, // no table gets a key
  forgotten: table => forgottenRowsOf(queries, table),
});

/** Decides an operation as a daemon would now, so that a mistake shows before it is submitted. */
export async function previewOfTable(
  config: BusConfig & { cluster: ClusterConfig },
  op: TableOperation,
): Promise<TableChange> {
  const postgres = await Postgres.open((await lakeAddress(config.cluster)).postgres, { connections: 2 });
  try {
    await mustBeCurrent(postgres);
    const lastSeq = Number.MAX_SAFE_INTEGER;
    const tables = await tablesAt(postgres, lastSeq, config.canon.tables);
    const tableFacts = tableFactsAt({ config }, { queries: postgres, lastSeq });
    return await decideTable({ config, tables, tableFacts }, op);
  } finally {
    await postgres.close();
  }
}

function refusal(op: TableOperation): string | undefined {
  if (op.type !== 'table_set_mode' || !tableModes[op.mode].isKeyed) return undefined;
  return 'A bus on many machines can only set the modes append and latest yet.';
}
