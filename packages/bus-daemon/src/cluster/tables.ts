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
import { BulkWriter, WorkerProcess } from '@quantbot/duckdb-process';
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
import { firstSeenMisfit } from './misfits.js';
import { firstSeenWithoutKey } from './null-keys.js';
import { ArtifactsUnread, type ReadingBus } from './unread.js';

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

/**
 * Returns the facts of a cluster's journal, as the transaction of a commit sees it.
 *
 * @param options.seen artifacts of the table that were read.
 * @param options.readBy reads others. Without it, the decision throws ArtifactsUnread.
 */
export const tableFactsAt = (
  { config }: Pick<Cluster, 'config'>,
  { queries, lastSeq }: Pick<Head, 'lastSeq' | 'queries'>,
  { seen: own = new SeenKeys(), readBy }: { seen?: SeenKeys; readBy?: ReadingBus },
): TableFacts => ({
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
  withoutKey: (table, seen = own) => withReading(readBy, () => firstSeenWithoutKey(queries, table, seen)),
  misfit: (table, set, seen = own) => withReading(readBy, () => firstSeenMisfit(queries, table, set, seen)),
  forgotten: table => forgottenRowsOf(queries, table),
});

/** Asks until all artifacts are read that the answer needs. */
async function withReading<Answer>(bus: ReadingBus | undefined, ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ArtifactsUnread) || bus === undefined) throw error;
      await error.read(bus);
    }
  }
}

/** Returns what a decision about a table needs without a lock: as a commit would see it now. */
export async function decidingNow(cluster: ReadingBus): Promise<Pick<DecidingBus, 'config' | 'tableFacts' | 'tables'>> {
  const { config, postgres: queries } = cluster;
  const lastSeq = Number.MAX_SAFE_INTEGER;
  const tableFacts = tableFactsAt(cluster, { queries, lastSeq }, { readBy: cluster });
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
  const options = { idleMs: 60_000, spillIn: workFolder };
  const inspector = new WorkerProcess('inspect', options);
  const fragmentWriter = new BulkWriter('fragments', options);
  try {
    await mustBeCurrent(postgres);
    const objects = await openObjects(withVariables(cluster.objects), cluster.s3);
    const deciding = await decidingNow({ config, fragmentWriter, inspector, objects, postgres, workFolder });
    const change = await decideTable(deciding, op);
    const table = deciding.tables.get(change.table) as CanonTable; // only a restore may find none
    const { artifacts, rows: artifactRows } = await countArtifactsOf(postgres, table);
    return { change, artifacts, artifactRows, allRows: allRowsOf(table) };
  } finally {
    inspector.close();
    fragmentWriter.close();
    await postgres.close();
    remove();
  }
}
