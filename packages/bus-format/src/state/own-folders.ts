import { chmodSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { busLayout } from '@quantbot/infra/bus';
import { type BusConfig, isRemoteRoot } from '@quantbot/infra/config';
import { systemErrorCode } from '@quantbot/infra/files';
import { daemonError } from '../errors.js';
import { guardsOf } from './writer-lock.js';

/**
 * The mode bits that let users other than the owner write, and the sticky bit, which protects names
 * from other users.
 */
const othersMayWrite = 0o022;
const sticky = 0o1000;

/**
 * Returns the folders where producers may not write: all folders of the bus except `inbox/` and
 * `staging/`, the export folder, and the parent folders of bus root and database. A user who may
 * write there could replace stored artifacts, remove commits, and delete the guards.
 */
export function closedFolders({ busRoot, duckdbPath, export: { exportDir } }: BusConfig): string[] {
  const { marker: _marker, inbox: _inbox, staging: _staging, ...closed } = busLayout(busRoot);
  return [...new Set([dirname(busRoot), dirname(duckdbPath), exportDir, ...Object.values(closed)])];
}

/** Returns the {@link closedFolders} where users other than the owner may write. */
export const openFolders = (config: BusConfig): string[] => closedFolders(config).filter(isOpen);

/**
 * Returns which of `inbox/` and `staging/` let a user rename jobs of others: others may write
 * there, and the folder is not sticky.
 */
export const foldersOfOpenJobs = ({ busRoot }: Pick<BusConfig, 'busRoot'>): string[] => {
  const { inbox, staging } = busLayout(busRoot);
  return [inbox, staging].filter(isOpen);
};

/** Lets users rename only their own jobs. A folder that this user may not change stays as it is. */
export function keepJobsApart(config: Pick<BusConfig, 'busRoot'>): void {
  for (const folder of foldersOfOpenJobs(config)) setMode(folder, (statSync(folder).mode & 0o7777) | sticky);
}

/**
 * Returns the paths where a folder of the bus should be, but something else is: its fixed folders,
 * and those of commits and canonical tables.
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

/** @throws DaemonError `NOT_A_FOLDER` for the URL of a bus that is elsewhere. */
export function mustBeHere({ busRoot }: Pick<BusConfig, 'busRoot'>): void {
  if (isRemoteRoot(busRoot))
    throw daemonError('NOT_A_FOLDER', `bus_root is ${busRoot}, and this needs a folder of the machine.`, {
      hint: 'Run the command on the machine of the bus, or name a folder in bus_root.',
    });
}

/**
 * @throws DaemonError `NOT_A_FOLDER` for the first of {@link filesForFolders}, and for the URL of a
 * bus that is elsewhere.
 */
export function mustBeFolders(config: Pick<BusConfig, 'busRoot' | 'export'>): void {
  mustBeHere(config);
  const [path] = filesForFolders(config);
  if (path !== undefined) throw daemonError('NOT_A_FOLDER', `${path} is not a folder, and must be one.`);
}

/** Whether something other than a folder, or a link to one, lies at a path. */
function isNoFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false; // unreadable: the code that needs the folder reports why
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

/** Whether users other than the owner can create or remove names in a folder. */
function isOpen(folder: string): boolean {
  const info = statSync(folder, { throwIfNoEntry: false });
  return info !== undefined && (info.mode & othersMayWrite) !== 0 && (info.mode & sticky) === 0;
}

/**
 * Removes write permission for everyone except the daemon's user: from {@link closedFolders}, from
 * the files in the bus root, and from the content of folders that only the daemon fills. Folders of
 * another owner stay unchanged; `doctor` reports them.
 *
 * @returns the paths that were changed.
 */
export function closeToOthers(config: BusConfig): string[] {
  const { journal, canon, store, published } = busLayout(config.busRoot);
  const changed = [...closedFolders(config), ...guardsOf(config), ...filesIn(config.busRoot)].filter(close);
  for (const folder of [journal, canon, published, config.export.exportDir]) changed.push(...closeBelow(folder));
  for (const producer of foldersIn(store)) changed.push(...[producer, ...foldersIn(producer)].filter(close));
  return changed;
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(folder, entry.name));

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

/** Removes write permission from a path of this user. Returns whether it changed the mode. */
function close(path: string): boolean {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info === undefined || info.isSymbolicLink() || info.uid !== process.geteuid?.()) return false;
  if ((info.mode & othersMayWrite) === 0 || (info.mode & sticky) !== 0) return false;
  return setMode(path, info.mode & 0o7777 & ~othersMayWrite);
}

/** Returns whether this user may set the mode. */
function setMode(path: string, mode: number): boolean {
  try {
    chmodSync(path, mode);
    return true;
  } catch (error) {
    // A service manager may forbid setting the setgid bit of a folder again (RestrictSUIDSGID).
    if (systemErrorCode(error) !== 'EPERM') throw error;
    return false;
  }
}
