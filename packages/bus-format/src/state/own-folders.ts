import { chmodSync, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { busLayout } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { systemErrorCode } from '@quantbot/infra/files';
import { daemonError } from '../errors.js';
import { guardsOf } from './writer-lock.js';

/**
 * The bits of a mode that let others than the owner write, and the one that keeps them from each
 * other's names.
 */
const othersMayWrite = 0o022;
const sticky = 0o1000;

/**
 * Where producers may not write: all folders of the bus but `inbox/` and `staging/`, the exports,
 * and the folders that have the bus root and the database in them. Whoever writes there can replace
 * stored artifacts, take commits out of the journal, and delete the guards.
 */
export function closedFolders({ busRoot, duckdbPath, export: { exportDir } }: BusConfig): string[] {
  const { marker: _marker, inbox: _inbox, staging: _staging, ...closed } = busLayout(busRoot);
  return [...new Set([dirname(busRoot), dirname(duckdbPath), exportDir, ...Object.values(closed)])];
}

/** The {@link closedFolders} where others than their owner may write. */
export const openFolders = (config: BusConfig): string[] =>
  closedFolders(config).filter(folder => isOpenToOthers(statSync(folder, { throwIfNoEntry: false })));

/**
 * Files in the places of folders of the bus: of its fixed folders, of those of commits and of
 * canonical tables.
 */
export function filesForFolders({ busRoot, export: { exportDir } }: Pick<BusConfig, 'busRoot' | 'export'>): string[] {
  const { marker: _marker, ...folders } = busLayout(busRoot);
  const fixed = [...Object.values(folders), exportDir].filter(isNoFolder);
  const { hot, canon } = folders;
  const below = [hot, canon].flatMap(folder =>
    namesIn(folder)
      .filter(name => folder === canon || /^\d+$/.test(name))
      .map(name => join(folder, name)),
  );
  return [...fixed, ...below.filter(isNoFolder)];
}

/** @throws DaemonError `NOT_A_FOLDER` for the first of {@link filesForFolders}. */
export function mustBeFolders(config: Pick<BusConfig, 'busRoot' | 'export'>): void {
  const [path] = filesForFolders(config);
  if (path !== undefined) throw daemonError('NOT_A_FOLDER', `${path} is not a folder, and must be one.`);
}

/** Whether something other than a folder, or a link to one, lies at a path. */
function isNoFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false; // unreadable: whoever needs it says why
  }
}

/** The names in a folder; none if it cannot be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Whether others than the owner can put names into a folder, or take them out. */
const isOpenToOthers = (info: Stats | undefined): boolean =>
  info !== undefined && (info.mode & othersMayWrite) !== 0 && (info.mode & sticky) === 0;

/**
 * Takes the right to write away from everybody but the daemon's own user, in {@link closedFolders}
 * and in what lies in those that only the daemon fills. Folders of another owner stay as they are;
 * `doctor` tells of them.
 *
 * @returns the paths that were changed.
 */
export function closeToOthers(config: BusConfig): string[] {
  const { journal, canon, store, published } = busLayout(config.busRoot);
  const changed = [...closedFolders(config), ...guardsOf(config)].filter(close);
  for (const folder of [journal, canon, published, config.export.exportDir]) changed.push(...closeBelow(folder));
  for (const producer of foldersIn(store)) changed.push(...[producer, ...foldersIn(producer)].filter(close));
  return changed;
}

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => join(folder, entry.name));

function closeBelow(folder: string): string[] {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    const changed = close(path) ? [path] : [];
    return entry.isDirectory() ? [...changed, ...closeBelow(path)] : changed;
  });
}

/** Whether something that is this user's had to be closed, and was. */
function close(path: string): boolean {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info === undefined || info.isSymbolicLink() || info.uid !== process.geteuid?.()) return false;
  if ((info.mode & othersMayWrite) === 0 || (info.mode & sticky) !== 0) return false;
  try {
    chmodSync(path, info.mode & 0o7777 & ~othersMayWrite);
    return true;
  } catch (error) {
    // A service manager may forbid to set the group's bit of a folder again (RestrictSUIDSGID).
    if (systemErrorCode(error) !== 'EPERM') throw error;
    return false;
  }
}
