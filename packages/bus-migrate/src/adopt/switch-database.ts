import { rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonError, identifier, literal } from '@quantbot/bus-format';
import { modeNamed } from '@quantbot/bus-format/canon';
import { query } from '@quantbot/bus-format/duckdb';
import { type AdoptionRecord, listPublished, writeAdoptionRecord } from '@quantbot/bus-format/state';
import { hashOfRows } from '@quantbot/duckdb-process';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { copyFileDurable, exists, faultPoint, syncFolder, tryLink } from '@quantbot/infra/files';
import { mismatch } from './copy-table.js';
import { assertUnchanged, type OldDatabase, openOldDatabase, type ReaderLimits } from './old-database.js';
import { keptTexts } from './old-table.js';
import type { AdoptParts } from './parts.js';
import { keyOf } from './submit-tables.js';

const publishTimeoutMs = 60_000;
const pollMs = 100;

/**
 * Has the daemon replace an old database once the bus has all its rows. The old file first gets a
 * second name beside it; then the published file is renamed over the first name. At every moment
 * `duckdb_path` is a complete database.
 *
 * @throws DaemonError `ADOPTION_CHANGED`, `ADOPTION_UNPUBLISHED`, `ADOPTION_MISMATCH`.
 */
export async function switchDatabase(
  config: BusConfig,
  from: AdoptionRecord,
  limits: ReaderLimits,
  settleWaiting: AdoptParts['settleWaiting'],
): Promise<AdoptionRecord> {
  const layout = busLayout(config.busRoot);
  let record = from;
  if (!(await isPublished(config))) {
    await assertUnchanged(record.source, record, limits);
    // Record the name first: a run that is interrupted and repeated then creates no second backup.
    const backup = record.backup ?? (await freeBackupName(record.source));
    await writeAdoptionRecord(layout, { ...record, backup });
    await keepBackup(record.source, backup);
    faultPoint('adopt:backup-kept');
    record = { ...record, phase: 'switching', backup };
    await writeAdoptionRecord(layout, record);
    faultPoint('adopt:switching');
    await settleWaiting(config);
    await waitUntilPublished(config);
    faultPoint('adopt:published');
  }
  if (record.backup !== null) await assertBackupWhole(record, record.backup);
  return record;
}

/** Returns whether the file at `duckdb_path` is a database that this bus has published. */
export async function isPublished(config: BusConfig): Promise<boolean> {
  const layout = busLayout(config.busRoot);
  if (!(await exists(layout.published)) || !(await exists(config.duckdbPath))) return false;
  const { ino } = await stat(config.duckdbPath);
  return (await listPublished(layout)).some(published => published.ino === ino);
}

/** Gives a file its second name, or copies it if the file system has no links. */
async function keepBackup(source: string, backup: string): Promise<void> {
  if (await exists(backup)) {
    if ((await stat(backup)).ino === (await stat(source)).ino) return;
    await rm(backup); // an unfinished copy of an interrupted run
  }
  if (!tryLink(source, backup)) await copyFileDurable(source, backup);
  await syncFolder(dirname(source));
}

async function freeBackupName(source: string): Promise<string> {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const name = join(dirname(source), `${basename(source)}.before-bus-${stamp}`);
  for (let n = 1; ; n++) {
    const free = n === 1 ? name : `${name}-${n}`;
    if (!(await exists(free))) return free;
  }
}

async function waitUntilPublished(config: BusConfig): Promise<void> {
  const deadline = performance.now() + publishTimeoutMs;
  while (!(await isPublished(config))) {
    if (performance.now() > deadline)
      throw daemonError('ADOPTION_UNPUBLISHED', `The daemon has not published ${config.duckdbPath} yet.`);
    await sleep(pollMs);
  }
}

/**
 * Checks that the backup has not changed. A process that had the old database open for writing may
 * have written to it until the switch.
 */
async function assertBackupWhole(record: AdoptionRecord, backup: string): Promise<void> {
  const { size, mtimeMs, ino } = await stat(backup);
  const isCopy = ino !== record.ino;
  if (size !== record.size || (!isCopy && mtimeMs !== record.mtimeMs) || (await exists(`${record.source}.wal`)))
    throw daemonError('ADOPTION_CHANGED', `${backup} changed while it was being replaced.`, {
      hint: `Run \`quantbot-bus compare TABLE ${backup}\` to see the new rows, and submit them. All earlier rows are in the bus.`,
    });
}

/**
 * Compares number and hash of the published rows with the old tables. Skips tables whose mode hides
 * superseded rows.
 *
 * @throws DaemonError `ADOPTION_MISMATCH`.
 */
export async function verifyPublished(config: BusConfig, record: AdoptionRecord, limits: ReaderLimits): Promise<void> {
  const database: OldDatabase = await openOldDatabase(config.duckdbPath, limits);
  try {
    const listed = await query<{ table_name: string; mode: string }>(
      database.connection,
      'SELECT table_name, mode FROM catalog.tables_d',
    );
    const modes = new Map(listed.map(({ table_name, mode }) => [table_name, modeNamed(mode)]));
    for (const table of record.tables) {
      if (modes.get(table.canon)?.showsEveryRow === false) continue;
      const from = `canon.${identifier(table.canon)} WHERE _artifact_key = ${literal(keyOf(record, table))}`;
      const found = await hashOfRows(database.connection, keptTexts(table.columns, from));
      if (found.hash !== table.hash || found.rows !== table.rows)
        throw mismatch(
          `canon.${table.canon}`,
          table,
          found,
          record.backup === null
            ? undefined
            : `The old database is unchanged at ${record.backup}. Run \`quantbot-bus verify\` to find the fault in the bus.`,
        );
    }
  } finally {
    database.close();
  }
}
