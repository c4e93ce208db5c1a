import { canonicalSchemas, TableRegistry, tableStarts } from '@quantbot/bus-format/canon';
import { Journal } from '@quantbot/bus-format/journal';
import { WorkerProcess } from '@quantbot/duckdb-process';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { TableFacts } from '../writer/bus.js';
import { tableFactsOf } from '../writer/stages/table-operation.js';

/** What a command sees of the canonical tables of a bus on this machine. */
export interface TablesOfBus {
  config: BusConfig;
  journal: Journal;
  tables: TableRegistry;
  tableFacts: TableFacts;
}

/** Reads the journal, and gives a command what the daemon decides with. */
export async function withTablesOfBus<T>(config: BusConfig, work: (opened: TablesOfBus) => Promise<T>): Promise<T> {
  const layout = busLayout(config.busRoot);
  const journal = await Journal.read(layout);
  const inspector = new WorkerProcess('inspect', { idleMs: 60_000 });
  try {
    const tables = TableRegistry.replay(await canonicalSchemas(journal), config.canon.tables, {
      starts: tableStarts(await journal.tableOperations()),
      names: journal.names,
    });
    return await work({ config, journal, tables, tableFacts: tableFactsOf({ config, layout, journal, inspector }) });
  } finally {
    inspector.close();
    journal.close();
  }
}
