import { forgetMended } from '@quantbot/bus-care/scrub';
import { listOutcomes } from '@quantbot/bus-care/verify';
import type { OnProgress } from '@quantbot/bus-format';
import { canonicalRows, type OnDamage, shownName, withoutDamage } from '@quantbot/bus-format/canon';
import { acquireWriterLock, mustBeFolders } from '@quantbot/bus-format/state';
import { BulkWriter } from '@quantbot/duckdb-process';
import type { Logger } from '@quantbot/infra';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { type Bus, randomClaim, systemClock } from './writer/bus.js';
import { linkHotAgain } from './writer/compaction/link-again.js';
import { followModes, rebuildTable, waitingTables } from './writer/compaction/rebuild-tables.js';
import { Exporter } from './writer/exports/exporter.js';
import { FileThreads } from './writer/file-thread/client.js';
import { mendOutcomes } from './writer/mend-outcomes.js';
import { openBus } from './writer/open-bus.js';
import { Publisher } from './writer/publish/publisher.js';

/** The result of a rebuild. */
export interface RebuildReport {
  /** The last job in the journal. */
  lastSeq: number;
  tables: string[];
  /**
   * Tables that keep their compacted files because a stored artifact is lost or damaged: one line
   * each.
   */
  problems: string[];
}

/**
 * Rebuilds all derived files from journal and store: the files of the canonical tables, compacted
 * or not, the published database, and damaged receipts and reject reasons. A table with a lost or
 * damaged artifact keeps its files. Takes the writer lock, so no daemon may run.
 *
 * @throws DaemonError `LOCK_TIMEOUT` while a daemon runs; `NOT_A_FOLDER`; `FOREIGN_DATABASE` for a
 * database that the bus did not create.
 */
export async function rebuild(
  config: BusConfig,
  logger: Logger,
  onProgress: OnProgress = () => {},
): Promise<RebuildReport> {
  mustBeFolders(config);
  const lock = await acquireWriterLock(config);
  const compactor = new BulkWriter('rebuild', { idleMs: 60_000, spillIn: busLayout(config.busRoot).building });
  let bus: Bus | undefined;
  let publisher: Publisher | undefined;
  try {
    bus = await openBus(config, logger, {
      ...systemClock,
      newClaim: randomClaim,
      files: new FileThreads(),
      assertHeld: lock.assertHeld,
    });
    const rows = await canonicalRows(bus.journal, bus.journal.compactedSeq);
    const total = [...rows.values()].reduce((sum, count) => sum + count, 0);
    let done = 0;
    const problems = new Map<string, string>();
    const note: OnDamage = ({ code, message, hint }, table) =>
      problems.set(table, `canon.${bus?.tables.nameOf(table)} stays as it is: ${code}: ${message} ${hint}`);
    // Readers do not see a table that started anew until its files follow its last operation.
    const tables = await followModes(bus, compactor, note);
    const waiting = await waitingTables(bus);
    for (const table of bus.tables.tables()) {
      onProgress({ done, total, unit: 'rows', what: `canon.${shownName(table)}` });
      done += rows.get(table.name) ?? 0;
      if (tables.includes(table.name) || problems.has(table.name)) continue;
      const work = () => rebuildTable(bus as Bus, compactor, table, waiting);
      if (await withoutDamage(table, work, note)) tables.push(table.name);
    }
    onProgress({ done: total, total, unit: 'rows', what: 'database' });
    await linkHotAgain(bus);
    await mendOutcomes(bus, await listOutcomes(bus.layout));
    await new Exporter(bus, compactor).ensureStatus(); // the database cannot be built without it
    publisher = new Publisher(bus);
    await publisher.publishOrThrow();
    await forgetMended(config);
    const rebuilt = tables.map(bus.tables.nameOf, bus.tables).sort();
    return { lastSeq: bus.journal.lastSeq, tables: rebuilt, problems: [...problems.values()] };
  } finally {
    compactor.close();
    publisher?.close();
    bus?.inspector.close();
    bus?.journal.close();
    await lock.release();
  }
}
