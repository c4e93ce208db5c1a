import { lstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import {
  canonicalSchemas,
  hotGenerations,
  lacksRowsAfter,
  TableLimits,
  TableRegistry,
  tableStarts,
  turnTaken,
} from '@quantbot/bus-format/canon';
import {
  emptyCommit,
  ensureEmptyTableFiles,
  Journal,
  judge,
  listHotCommits,
  TableSegments,
} from '@quantbot/bus-format/journal';
import { closeToOthers, exportStatusFile, keepJobsApart, lockFileOf, openFolders } from '@quantbot/bus-format/state';
import { WorkerProcess } from '@quantbot/duckdb-process';
import { initBusRoot, type Logger } from '@quantbot/infra';
import { type BusLayout, busLayout, readBusMarker, restoreBusMarker, writeBusLimits } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, inFolder, removeTemporaries } from '@quantbot/infra/files';
import type { Bus } from './bus.js';
import { mustFitRows } from './declared-modes.js';
import { Events } from './events.js';
import { tableFactsOf } from './stages/table-operation.js';

const inspectorIdleMs = 60_000;

/**
 * Opens everything that the stages need. The caller must hold the writer lock. `umask` is the one
 * that the process was started with; the folders for producers follow it, and all other folders are
 * closed to other users.
 */
export async function openBus(
  config: BusConfig,
  logger: Logger,
  { umask, ...injected }: Pick<Bus, 'now' | 'elapsed' | 'newClaim' | 'files' | 'assertHeld'> & { umask?: number },
): Promise<Bus> {
  const layout = busLayout(config.busRoot);
  if (await restoreBusMarker(layout.root))
    logger.warn(
      { path: layout.marker },
      'the marker of the bus was missing or damaged; it is restored from its copy in journal/',
    );
  await mustHaveJournal(layout);
  const marker = await initBusRoot(config.busRoot, umask);
  await writeBusLimits(layout.root, { min_free_bytes: config.minFreeBytes });
  if (umask !== undefined) keepJobsApart(config);
  const closed = umask === undefined ? [] : closeToOthers(config);
  if (closed.length > 0)
    logger.warn(
      { paths: closed.slice(0, 10), count: closed.length },
      'other users could write to folders of the daemon; their permissions are now corrected. Producers write to inbox and staging',
    );
  const open = umask === undefined ? [] : openFolders(config);
  if (open.length > 0)
    logger.warn(
      { paths: open, hint: `Run \`sudo chmod go-w ${open.join(' ')}\`.` },
      'other users may write to folders of the daemon, and can replace stored files. Producers write to inbox and staging',
    );
  else if (umask !== undefined)
    logger.info(
      { inbox: layout.inbox, staging: layout.staging },
      'producers may write to inbox and staging; only the user of the daemon writes to the other folders',
    );
  await removeLeftovers(config);
  const journal = await Journal.open(layout);
  const operations = await journal.tableOperations();
  const starts = tableStarts(operations);
  const tables = TableRegistry.replay(await canonicalSchemas(journal), config.canon.tables, {
    starts,
    names: journal.names,
  });
  for (const [name, generation] of await hotGenerations(layout, await listHotCommits(layout.hot)))
    tables.keepGeneration(name, generation);
  for (const table of tables.tables()) await ensureEmptyTableFiles(layout, table);
  for (const operation of operations)
    if (lacksRowsAfter(operation) && turnTaken(layout, operation.table) < operation.seq) tables.hold(operation.table);
  const inspector = new WorkerProcess('inspect', { idleMs: inspectorIdleMs, spillIn: layout.building });
  await mustFitRows({ config, layout, journal, tables, inspector }).catch(error => {
    inspector.close();
    journal.close();
    throw error;
  });
  const events = new Events(logger);
  return {
    ...injected,
    config,
    layout,
    marker,
    logger,
    events,
    journal,
    tables,
    tableLimits: new TableLimits(),
    isStored: relPath => lstatSync(inFolder(layout.root, relPath), { throwIfNoEntry: false }) !== undefined,
    tableSegments: new TableSegments(layout),
    judge: keys => judge(journal, keys),
    tableFacts: tableFactsOf({ config, layout, journal, inspector, events }),
    returned: new Set(),
    tableTurns: new Map(),
    requestedExports: [],
    leftBehind: [],
    inspector,
  };
}

/**
 * The marker is created after the folders. If the marker exists but the folders do not, someone
 * deleted the journal. Refuse to start: an empty journal would treat every stored file as an
 * orphan.
 */
async function mustHaveJournal(layout: BusLayout): Promise<void> {
  if ((await readBusMarker(layout.root)) === undefined) return;
  for (const folder of [layout.segments, layout.hot])
    if (!(await exists(folder)))
      throw daemonError('JOURNAL_DAMAGED', `${folder} is missing, but this bus has been used before.`);
}

/**
 * Removes the temporary files of a killed daemon. These belong to small files that are replaced as
 * a whole; commits and segments are built elsewhere.
 */
async function removeLeftovers(config: BusConfig): Promise<void> {
  const layout = busLayout(config.busRoot);
  for (const folder of [layout.root, layout.journal, layout.published, join(layout.hot, emptyCommit)])
    if (await exists(folder)) await removeTemporaries(folder);
  await removeTemporaries(dirname(config.duckdbPath), basename(lockFileOf(config.duckdbPath)));
  const { exportDir } = config.export;
  if (await exists(exportDir)) await removeTemporaries(exportDir, exportStatusFile);
}
