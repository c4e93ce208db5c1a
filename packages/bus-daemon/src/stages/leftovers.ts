import { randomUUID } from 'node:crypto';
import { opendirSync } from 'node:fs';
import { lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { fileNames } from '@quantbot/infra';

/** So many files are removed before a job gets its receipt; more are removed beside ingestion. */
const mostAtOnce = 1000;

const stays: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.receipt]);

/** Names are bytes, which need not be UTF-8: as Latin-1, each byte is a character, and none is lost. */
const encoding = 'latin1';

/** Path of something in a folder, by its name in Latin-1. */
const within = (folder: Buffer, name: string): Buffer =>
  Buffer.concat([folder, Buffer.from('/'), Buffer.from(name, encoding)]);

/** Paths of all files in a job's folder but manifest and receipt; undefined when it would take long to remove what lies there, or cannot be said. */
export function leftoversIn(folder: string): Buffer[] | undefined {
  const files: Buffer[] = [];
  const content = opendirSync(folder, { encoding });
  try {
    for (let entry = content.readSync(); entry !== null; entry = content.readSync()) {
      if (stays.has(entry.name)) continue;
      if (entry.isDirectory() || files.length === mostAtOnce) return undefined;
      files.push(within(Buffer.from(folder), entry.name));
    }
    return files;
  } finally {
    content.closeSync();
  }
}

/** Longer paths are not gone into: the system takes 4096 bytes at most (1024 on macOS). */
const longestPath = 900;

/**
 * Removes a file, a link, or a folder with all that is in it, one after another, so that everything else goes on meanwhile. What lies so deep that no path leads there any more
 * is moved up first.
 *
 * @throws the signal's reason once it is aborted; what is left can be removed another time. System errors as they come (`ENOENT`: it is not there).
 */
export async function removeTree(path: string, signal?: AbortSignal): Promise<void> {
  const root = Buffer.from(path);
  if ((await lstat(root)).isDirectory()) await removeFolder(root, root, signal);
  else await unlink(root);
}

async function removeFolder(folder: Buffer, root: Buffer, signal: AbortSignal | undefined): Promise<void> {
  for (let isEmpty = false; !isEmpty; ) {
    isEmpty = true; // until one look finds nothing: something may have been moved here, and not every file system lists all of a folder that changes
    for await (const entry of await opendir(folder, { encoding, bufferSize: 256 })) {
      signal?.throwIfAborted();
      isEmpty = false;
      const inner = within(folder, entry.name);
      if (!entry.isDirectory()) await unlink(inner);
      else if (inner.length > root.length + longestPath) await rename(inner, within(root, randomUUID()));
      else await removeFolder(inner, root, signal);
    }
  }
  await rmdir(folder);
}
