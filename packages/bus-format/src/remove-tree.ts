import { randomUUID } from 'node:crypto';
import { constants, opendirSync } from 'node:fs';
import { lstat, open, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { fileNames, systemErrorCode } from '@quantbot/infra/files';
import { ignoreMissing } from './errors.js';

/** So many files are removed before a job gets its receipt; more are removed beside ingestion. */
const maxAtOnce = 1000;

const stays: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.receipt]);

/**
 * Names are bytes, which need not be UTF-8: as Latin-1, each byte is a character, and none is lost.
 */
const encoding = 'latin1';

/** Path of something in a folder, by its name in Latin-1. */
const within = (folder: Buffer, name: string): Buffer =>
  Buffer.concat([folder, Buffer.from('/'), Buffer.from(name, encoding)]);

/**
 * Paths of all files in a job's folder but manifest and receipt; undefined when it would take long
 * to remove what lies there, or cannot be said.
 */
export function leftoversIn(folder: string): Buffer[] | undefined {
  const files: Buffer[] = [];
  const content = opendirSync(folder, { encoding });
  try {
    for (let entry = content.readSync(); entry !== null; entry = content.readSync()) {
      if (entry.isDirectory()) return undefined; // whatever it is called
      if (stays.has(entry.name)) continue;
      if (files.length === maxAtOnce) return undefined;
      files.push(within(Buffer.from(folder), entry.name));
    }
    return files;
  } finally {
    content.closeSync();
  }
}

/**
 * What lies deeper is moved up first: each level keeps a folder open, and where there is no
 * `/proc`, a path has an end (1024 bytes on macOS).
 */
const maxDepth = 64;
const maxPathLength = 900;

/** What a removal may take before it gives up: somebody may go on filling the folder. */
export interface RemovalBudget {
  signal?: AbortSignal | undefined;
  /** So many files, links and folders. */
  maxEntries?: number;
}

/**
 * Removes a file, a link, or a folder with all that is in it, one after another, so that everything
 * else goes on meanwhile. Whoever put it there may still change it: no link is followed, and what
 * is gone already is no error.
 *
 * @returns whether all of it is gone. The rest of what is more than it may remove at once can be
 * removed another time.
 * @throws the signal's reason once it is aborted. System errors as they come.
 */
export async function removeTree(
  path: string,
  { signal, maxEntries = Number.POSITIVE_INFINITY }: RemovalBudget = {},
): Promise<boolean> {
  const root = Buffer.from(path);
  const left: Left = { signal, entries: maxEntries };
  const info = await lstat(root).catch(ignoreMissing);
  if (info?.isDirectory()) await removeFolder(root, { root: undefined, depth: 0 }, left);
  else if (info !== undefined) await unlink(root).catch(ignoreMissing);
  return (await lstat(root).catch(ignoreMissing)) === undefined;
}

/** What is left of a budget. */
interface Left {
  signal: AbortSignal | undefined;
  entries: number;
}

interface Place {
  /** How the folder that is removed as a whole is reached; undefined for itself. */
  root: Buffer | undefined;
  depth: number;
}

async function removeFolder(folder: Buffer, { root, depth }: Place, left: Left): Promise<void> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const handle = await open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(ignoreChanged);
  if (handle === undefined) return;
  try {
    // By its handle, not by its path: that may lead elsewhere by now (Linux; elsewhere there is no
    // such way).
    const here = process.platform === 'linux' ? Buffer.from(`/proc/self/fd/${handle.fd}`) : folder;
    await emptyFolder(here, { root: root ?? here, depth }, left);
  } finally {
    await handle.close();
  }
  if (left.entries > 0) await rmdir(folder).catch(ignoreChanged);
}

async function emptyFolder(here: Buffer, { root, depth }: Place & { root: Buffer }, left: Left): Promise<void> {
  const isDeep = depth >= maxDepth || here.length > root.length + maxPathLength;
  for (let isEmpty = false; !isEmpty; ) {
    isEmpty = true; // until one look finds nothing: something may have been moved here, and not every file system lists all of a folder that changes
    for await (const entry of await opendir(here, { encoding, bufferSize: 256 })) {
      left.signal?.throwIfAborted();
      if (left.entries-- <= 0) return;
      isEmpty = false;
      const inner = within(here, entry.name);
      if (!entry.isDirectory()) await unlink(inner).catch(ignoreMissing);
      else if (isDeep) await rename(inner, within(root, randomUUID())).catch(ignoreMissing);
      else await removeFolder(inner, { root, depth: depth + 1 }, left);
    }
  }
}

/**
 * Something else than a folder may be there by now, or something in it: the next look at what it
 * lies in says what.
 */
function ignoreChanged(error: unknown): undefined {
  if (!['ENOTDIR', 'ELOOP', 'ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) ignoreMissing(error);
}
