import { basename, dirname, join } from 'node:path';
import { type BusConfig, busLayout, exists, initBusRoot, type Logger, removeTemporaries } from '@quantbot/infra';
import type { Bus } from './bus.js';
import { TableRegistry } from './canon/registry.js';
import { Events } from './events.js';
import { exportStatusFile } from './exports/status.js';
import { ensureEmptyTableFiles } from './journal/empty-files.js';
import { emptyCommit } from './journal/files.js';
import { Journal } from './journal/journal.js';
import { WorkerProcess } from './worker/client.js';
import { lockFileOf } from './writer-lock.js';

const inspectorIdleMs = 60_000;

/** Opens everything that the stages work on. The caller holds the writer lock. */
export async function openBus(
  config: BusConfig,
  logger: Logger,
  injected: Pick<Bus, 'now' | 'elapsed' | 'newClaim'>,
): Promise<Bus> {
  const marker = await initBusRoot(config.busRoot);
  const layout = busLayout(config.busRoot);
  await removeLeftovers(config);
  const journal = await Journal.open(layout);
  const tables = TableRegistry.replay(await journal.canonicalSchemas(), config.canon.tables);
  for (const [name, generation] of await journal.hotGenerations()) tables.keepGeneration(name, generation);
  for (const table of tables.tables()) await ensureEmptyTableFiles(layout, table);
  return {
    ...injected,
    config,
    layout,
    marker,
    logger,
    events: new Events(logger),
    journal,
    tables,
    requestedExports: [],
    inspector: new WorkerProcess('inspect', { idleMs: inspectorIdleMs }),
  };
}

/** What a killed daemon was just writing. Commits and segments are built elsewhere; these are the small files that are replaced as a whole. */
async function removeLeftovers(config: BusConfig): Promise<void> {
  const layout = busLayout(config.busRoot);
  for (const folder of [layout.root, layout.published, join(layout.hot, emptyCommit)])
    if (await exists(folder)) await removeTemporaries(folder);
  await removeTemporaries(dirname(config.duckdbPath), basename(lockFileOf(config.duckdbPath)));
  const { exportDir } = config.export;
  if (await exists(exportDir)) await removeTemporaries(exportDir, exportStatusFile);
}
