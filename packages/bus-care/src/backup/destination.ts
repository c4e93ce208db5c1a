import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DaemonError, daemonError } from '@quantbot/bus-format';
import { Journal } from '@quantbot/bus-format/journal';
import { backupGuardOf, lockWork } from '@quantbot/bus-format/state';
import { type BusLayout, readBusMarker } from '@quantbot/infra/bus';
import { copyFileDurable, exists, makeFolderDurable, writeFileDurable } from '@quantbot/infra/files';

/** The file that describes a backup and marks its folder as one. */
export const reportFile = 'backup.json';
/** The folder of an unfinished backup. The next backup recreates it. */
export const nextName = '.next';

/**
 * Locks a bus for a backup: two backups at once would disturb each other.
 *
 * @returns a function that unlocks.
 * @throws DaemonError `BACKUP_BUSY`.
 */
export async function lockBackup(source: BusLayout): Promise<() => void> {
  const release = await lockWork(backupGuardOf(source.root), source);
  if (release === undefined) throw daemonError('BACKUP_BUSY', `Another backup of ${source.root} is running.`);
  return release;
}

/**
 * Checks that the destination is empty or holds an earlier backup of the same bus.
 *
 * @throws DaemonError `BACKUP_TAKEN` otherwise.
 */
export async function mustBeFree(source: BusLayout, destination: BusLayout): Promise<void> {
  const below = relative(source.root, destination.root);
  if (!below.startsWith('..')) throw daemonError('BACKUP_TAKEN', `${destination.root} is inside the bus.`);
  if (!(await exists(destination.root))) return;
  const marker = await readBusMarker(source.root);
  const there = await readBusMarker(destination.root);
  const names = await readdir(destination.root);
  const isFree =
    there === undefined
      ? names.every(name => name === reportFile || name.startsWith('.'))
      : there.bus_id === marker?.bus_id && names.includes(reportFile);
  if (!isFree) throw daemonError('BACKUP_TAKEN', `${destination.root} has content that is not a backup of this bus.`);
}

/** Marks the destination before anything else, so that an interrupted backup is recognised. */
export async function markDestination(source: BusLayout, destination: BusLayout): Promise<void> {
  await makeFolderDurable(destination.root);
  if (await exists(destination.marker)) return;
  await writeFileDurable(join(destination.root, reportFile), '{}\n');
  await copyFileDurable(source.marker, destination.marker);
}

/**
 * Checks that the bus has everything that its earlier backup has. A bus that was reset to an older
 * state does not: the backup may then hold the only trace of lost jobs, and the bus may have reused
 * their numbers and keys.
 *
 * @throws DaemonError `BACKUP_AHEAD`.
 */
export async function mustContinue(destination: BusLayout, journal: Journal): Promise<void> {
  if (!(await exists(destination.hot))) return;
  const earlier = await Journal.read(destination).catch(error => {
    if (!(error instanceof DaemonError) || error.code !== 'JOURNAL_DAMAGED') throw error;
    throw daemonError('BACKUP_TAKEN', `The earlier backup in ${destination.root} is damaged: ${error.message}`, {
      cause: error,
    });
  });
  try {
    const { lastSeq } = earlier;
    const [claim] = (await earlier.jobsBetween(lastSeq, lastSeq)).keys();
    if (claim === undefined) return;
    const [row] = (await journal.findClaims([claim])).get(claim) ?? [];
    if (row?.seq !== lastSeq)
      throw daemonError(
        'BACKUP_AHEAD',
        `${destination.root} has jobs up to seq ${lastSeq} that the bus does not have (its last one is ${journal.lastSeq}). The bus was set back to an earlier state.`,
      );
  } finally {
    earlier.close();
  }
}
