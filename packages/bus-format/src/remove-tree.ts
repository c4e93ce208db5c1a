import { randomUUID } from 'node:crypto';
import { constants, opendirSync } from 'node:fs';
import { lstat, open, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { fileNames, systemErrorCode } from '@quantbot/infra/files';
import { ignoreMissing } from './errors.js';

/**
 * At most this many files are removed before a job gets its receipt. More are removed in the
 * background.
 */
const maxAtOnce = 1000;

const stays: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.receipt]);

/**
 * Names are bytes and may not be valid UTF-8. Latin-1 maps each byte to one character and loses
 * none.
 */
const encoding = 'latin1';

/** Returns the path of an entry of a folder, whose name is in Latin-1. */
const within = (folder: Buffer, name: string): Buffer =>
  Buffer.concat([folder, Buffer.from('/'), Buffer.from(name, encoding)]);

/**
 * Returns the paths of all files in a job's folder except manifest and receipt. Returns undefined
 * if removing them would take long, or if the folder cannot be read.
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
 * Deeper folders are moved up first: each level keeps a folder open, and without `/proc` the length
 * of a path is limited (1024 bytes on macOS).
 */
const maxDepth = 64;
const maxPathLength = 900;

/** The limits of a removal, because another program may keep filling the folder. */
export interface RemovalBudget {
  signal?: AbortSignal | undefined;
  /** At most this many files, links and folders. */
  maxEntries?: number;
}

/**
 * Removes a file, a link, or a folder with its content. It works one entry at a time, so that other
 * work continues. Another user may still change the folder: no link is followed, and a missing
 * entry is not an error.
 *
 * @returns whether everything is gone. If the budget ran out, call it again for the rest.
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

/** The rest of a budget. */
interface Left {
  signal: AbortSignal | undefined;
  entries: number;
}

interface Place {
  /** Path of the topmost folder to remove; undefined for that folder itself. */
  root: Buffer | undefined;
  depth: number;
}

async function removeFolder(folder: Buffer, { root, depth }: Place, left: Left): Promise<void> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const handle = await open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(ignoreChanged);
  if (handle === undefined) return;
  try {
    // Use the handle, because the path may lead elsewhere by now. Only Linux has such a path.
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
    isEmpty = true; // repeat until a listing is empty: entries may have moved here, and not every file system lists all of a changing folder
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
 * Ignores that the folder was replaced or filled meanwhile: the next listing of its parent shows
 * it.
 */
function ignoreChanged(error: unknown): undefined {
  if (!['ENOTDIR', 'ELOOP', 'ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) ignoreMissing(error);
}
