import { type BusConfig, busLayout, initBusRoot, type Logger } from '@quantbot/infra';
import type { Bus } from './bus.js';
import { TableRegistry } from './canon/registry.js';
import { ensureEmptyTableFiles } from './journal/empty-files.js';
import { Journal } from './journal/journal.js';
import { WorkerProcess } from './worker/client.js';

const inspectorIdleMs = 60_000;

/** Opens everything that the stages work on. The caller holds the writer lock. */
export async function openBus(
  config: BusConfig,
  logger: Logger,
  injected: Pick<Bus, 'now' | 'newClaim'>,
): Promise<Bus> {
  const marker = await initBusRoot(config.busRoot);
  const layout = busLayout(config.busRoot);
  const journal = await Journal.open(layout);
  const tables = TableRegistry.replay(await journal.canonicalSchemas());
  for (const table of tables.tables()) await ensureEmptyTableFiles(layout, table);
  return {
    ...injected,
    config,
    layout,
    marker,
    logger,
    journal,
    tables,
    inspector: new WorkerProcess('inspect', { idleMs: inspectorIdleMs }),
  };
}
