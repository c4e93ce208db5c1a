import {
  allRowsOf,
  countArtifactsOf,
  forgottenRowsOf,
  type Head,
  mustBeCurrent,
  operatedTables,
  Postgres,
  schemasBetween,
  tableOperationsBetween,
  tablesAt,
} from '@quantbot/bus-cluster';
import { type CanonTable, TableRegistry } from '@quantbot/bus-format/canon';
import { WorkerProcess } from '@quantbot/duckdb-process';
import type { TableOperation } from '@quantbot/infra';
import { type BusConfig, type ClusterConfig, withVariables } from '@quantbot/infra/config';
import { openObjects } from '@quantbot/infra/objects';
import { lakeAddress } from '@quantbot/storage/lake';
import { makeOwnFolder } from '@quantbot/storage/sandbox';
import type { DecidingBus, TableFacts } from '../writer/bus.js';
import type { TableChange } from '../writer/job.js';
import { SeenKeys } from '../writer/seen-keys.js';
import { decideTable } from '../writer/stages/table-operation.js';
import type { Cluster } from './cluster.js';
import { firstSeenWithoutKey, KeysUnread, readKeys } from './null-keys.js';

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

/** Reads artifacts whose keys are unread. */
type ReadKeys = (unread: KeysUnread) => Promise<void>;

/**
 * Returns the facts of a cluster's journal, as the transaction of a commit sees it.
 *
 * @param options.seen artifacts that were read for the key of their table.
 * @param options.read reads others. Without it, the decision throws KeysUnread.
 */
export const tableFactsAt = (
  { config }: Pick<Cluster, 'config'>,
  { queries, lastSeq }: Pick<Head, 'lastSeq' | 'queries'>,
  { seen: own = new SeenKeys(), read }: { seen?: SeenKeys; read?: ReadKeys | undefined },
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
  withoutKey: async (table, seen = own) => {
    for (;;) {
      try {
        return await firstSeenWithoutKey(queries, table, seen);
      } catch (error) {
        if (!(error instanceof KeysUnread) || read === undefined) throw error;
        await read(error);
      }
    }
  },
  misfit: async () => undefined, // no column gets a type
  forgotten: table => forgottenRowsOf(queries, table),
});

/** Returns what a decision about a table needs without a lock: as a commit would see it now. */
export async function decidingNow(
  cluster: Pick<Cluster, 'config' | 'inspector' | 'objects' | 'postgres' | 'workFolder'>,
): Promise<Pick<DecidingBus, 'config' | 'tableFacts' | 'tables'>> {
  const { config, postgres: queries } = cluster;
  const lastSeq = Number.MAX_SAFE_INTEGER;
  const tableFacts = tableFactsAt(cluster, { queries, lastSeq }, { read: unread => readKeys(cluster, unread) });
  return { config, tables: await tablesAt(queries, lastSeq, config.canon.tables), tableFacts };
}

/** What an operation on a table would do. */
export interface PreviewOfTable {
  change: TableChange;
  /** The artifacts that the table has, and their rows. */
  artifacts: number;
  artifactRows: number;
  /** The SELECT of all rows that it has in the lake. */
  allRows: string;
}

/** Decides an operation as a daemon would now, so that a mistake shows before it is submitted. */
export async function previewOfTable(
  config: BusConfig & { cluster: ClusterConfig },
  op: TableOperation,
): Promise<PreviewOfTable> {
  const { cluster } = config;
  const postgres = await Postgres.open((await lakeAddress(cluster)).postgres, { connections: 2 });
  const { path: workFolder, remove } = makeOwnFolder('preview', cluster.workDir);
  const inspector = new WorkerProcess('inspect', { idleMs: 60_000, spillIn: workFolder });
  try {
    await mustBeCurrent(postgres);
    const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
    const deciding = await decidingNow({ config, inspector, objects, postgres, workFolder });
    const change = await decideTable(deciding, op);
    const table = deciding.tables.get(change.table) as CanonTable; // only a restore may find none
    const { artifacts, rows: artifactRows } = await countArtifactsOf(postgres, table);
    return { change, artifacts, artifactRows, allRows: allRowsOf(table) };
  } finally {
    inspector.close();
    await postgres.close();
    remove();
  }
}

const refusal = (op: TableOperation): string | undefined =>
  op.type === 'table_retype' ? 'A bus on many machines cannot set the type of a column yet.' : undefined;
