import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type BusConfig, type BusLayout, busLayout } from '@quantbot/infra';
import { ignoreMissing } from '../errors.js';
import { Journal } from '../journal/journal.js';
import { removeTree } from '../leftovers.js';
import { isKept } from '../stages/claimed-names.js';

/** What garbage collection may take away. */
export interface GcOptions {
  /** Settled jobs (receipts, rejected files) older than this go; the catalog keeps their outcome. */
  keepSettledMs: number;
  /** Half-built jobs in `staging/` and orphans in the store older than this go. */
  keepUnfinishedMs: number;
  /** False: only say what would go. */
  apply: boolean;
}

/** Something that is (or would be) removed. */
export interface GcItem {
  kind: 'processed' | 'rejected' | 'staging' | 'orphan';
  path: string;
}

/**
 * Removes what nobody needs any more: settled jobs past their retention, jobs that a producer never finished, and files in the store that no
 * journal row names. It takes only what is old, so a daemon may run meanwhile; segments and databases are released by the daemon itself.
 */
export async function collectGarbage(config: BusConfig, options: GcOptions): Promise<GcItem[]> {
  const layout = busLayout(config.busRoot);
  const items: GcItem[] = [
    ...(await oldEntries('processed', layout.processed, options.keepSettledMs)),
    ...(await oldEntries('rejected', layout.rejected, options.keepSettledMs)),
    ...(await oldEntries('rejected', layout.claimed, options.keepSettledMs, isKept)),
    ...(await oldEntries('staging', layout.staging, options.keepUnfinishedMs)),
    ...(await oldOrphans(layout, options.keepUnfinishedMs)),
  ];
  if (options.apply)
    for (const { kind, path } of items) {
      // Asked again: something new may have come to a place where there was something old.
      const isSettled = kind === 'processed' || kind === 'rejected';
      if (await isOlder(path, isSettled ? options.keepSettledMs : options.keepUnfinishedMs)) await removeTree(path);
    }
  return items;
}

async function oldEntries(
  kind: GcItem['kind'],
  folder: string,
  keepMs: number,
  isMeant: (name: string) => boolean = () => true,
): Promise<GcItem[]> {
  const items: GcItem[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (isMeant(name) && (await isOlder(path, keepMs))) items.push({ kind, path });
  }
  return items;
}

/** A link into the store changes the file's ctime, so a file of a batch that is just being committed is always young. */
async function oldOrphans(layout: BusLayout, keepMs: number): Promise<GcItem[]> {
  const candidates: string[] = [];
  for (const entry of await readdir(layout.store, { recursive: true, withFileTypes: true }))
    if (!entry.isDirectory() && (await isOlder(join(entry.parentPath, entry.name), keepMs)))
      candidates.push(join(entry.parentPath, entry.name));
  const journal = await Journal.read(layout);
  try {
    const known = await journal.findRelPaths(candidates.map(path => path.slice(layout.root.length + 1)));
    return candidates
      .filter(path => !known.has(path.slice(layout.root.length + 1)))
      .map(path => ({ kind: 'orphan', path }));
  } finally {
    journal.close();
  }
}

async function isOlder(path: string, keepMs: number): Promise<boolean> {
  const info = await lstat(path).catch(ignoreMissing);
  return info !== undefined && Date.now() - info.ctimeMs > keepMs;
}
