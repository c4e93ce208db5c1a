import { randomUUID } from 'node:crypto';
import { lstatSync, type Stats, unlinkSync } from 'node:fs';
import { lstat, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError, ignoreMissing, orClosed, removeTree } from '@quantbot/bus-format';
import { Journal } from '@quantbot/bus-format/journal';
import {
  claimedNames,
  type GarbageKind,
  gcStateAfter,
  isKept,
  readGcState,
  writeGcState,
} from '@quantbot/bus-format/state';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';

/** What garbage collection may remove. */
export interface GcOptions {
  /** Ingested jobs and duplicates older than this are removed; the catalog keeps their outcome. */
  keepSettledMs: number;
  /** Rejected jobs older than this are removed, with their files. */
  keepRejectedMs: number;
  /** Half-built jobs in `staging/` and orphans in the store older than this are removed. */
  keepUnfinishedMs: number;
  /** False: only report what would be removed. */
  apply: boolean;
  /** Called after each removal with its time (milliseconds). A run in the background rests here. */
  rest?: (tookMs: number) => Promise<void>;
}

/** Something that is (or would be) removed. */
export interface GcItem {
  kind: GarbageKind;
  path: string;
  /** Bytes that its removal frees. A file with another name elsewhere does not count. */
  bytes: number;
}

type Entry = GcItem & { kind: Exclude<GarbageKind, 'orphan' | 'lake' | 'daemon'> };

/** A file in the store that no job needs, as it was when it was examined. */
interface Orphan extends GcItem {
  kind: 'orphan';
  inode: number;
  ctimeMs: number;
}

/** The name of a file that is being removed. Leftovers of an earlier run are removed too. */
const condemnedPrefix = '.gc-';
const isKeptOrCondemned = (name: string): boolean => isKept(name) || name.startsWith(condemnedPrefix);

/** How long to wait for jobs in work. If one takes longer, orphans stay. */
const patienceMs = 10_000;
const lookEveryMs = 50;

/**
 * Removes settled jobs past their retention, jobs that a producer never finished, and files in the
 * store that no journal row names. It spares young files and files of jobs in flight, so the daemon
 * may run. The daemon itself releases segments and databases. A run that removes notes its result
 * in `gc.json`.
 *
 * @throws DaemonError `CLOSED_BY_OTHERS` if a producer keeps this user away from its files. The
 * rest is removed.
 */
export async function collectGarbage(config: BusConfig, options: GcOptions): Promise<GcItem[]> {
  const layout = busLayout(config.busRoot);
  const startedAt = new Date();
  const items: (Orphan | Entry)[] = [
    ...(await oldEntries('processed', layout.processed, options.keepSettledMs)),
    ...(await oldEntries('rejected', layout.rejected, options.keepRejectedMs)),
    ...(await oldEntries('rejected', layout.claimed, options.keepRejectedMs, isKeptOrCondemned)),
    ...(await oldEntries('staging', layout.staging, options.keepUnfinishedMs)),
    ...(await oldUploads(layout, options.keepUnfinishedMs)),
    ...(await oldOrphans(layout, options.keepUnfinishedMs)),
  ];
  if (options.apply) {
    const { removed, errors } = await removeAll(items, options);
    await writeGcState(layout, gcStateAfter(readGcState(layout.root), removed, startedAt));
    const isClosed = (error: unknown) => error instanceof DaemonError && error.code === 'CLOSED_BY_OTHERS';
    if (errors.length > 0) throw errors.find(error => !isClosed(error)) ?? errors[0];
  }
  return items.map(({ kind, path, bytes }) => ({ kind, path, bytes }));
}

/** Removes each item. One that cannot be removed does not keep the others. */
async function removeAll(
  items: readonly (Orphan | Entry)[],
  { keepUnfinishedMs, keepSettledMs, keepRejectedMs, rest }: GcOptions,
): Promise<{ removed: GcItem[]; errors: unknown[] }> {
  const keepMs = { staging: keepUnfinishedMs, processed: keepSettledMs, rejected: keepRejectedMs };
  const removed: GcItem[] = [];
  const errors: unknown[] = [];
  for (const item of items) {
    const from = performance.now();
    try {
      if (item.kind === 'orphan') removeOrphan(item);
      else await removeOld(item, keepMs[item.kind]);
      removed.push(item);
    } catch (error) {
      errors.push(error);
    }
    await rest?.(performance.now() - from);
  }
  return { removed, errors };
}

/**
 * Renames before removing, so that nothing is submitted into a folder that is being removed. Checks
 * again first: a new job may have replaced the old one.
 */
async function removeOld({ path }: Entry, keepMs: number): Promise<void> {
  if (!(await isOlder(path, keepMs))) return;
  const condemned = join(dirname(path), `${condemnedPrefix}${randomUUID()}`);
  try {
    await rename(path, condemned);
  } catch (error) {
    return ignoreMissing(orClosed(error, cannotGo, path));
  }
  await removeTree(condemned).catch(error => {
    throw orClosed(error, cannotGo, condemned);
  });
}

const cannotGo = 'Not everything could be removed';

/** Removes only the file that was examined: a job may have stored another one there since. */
function removeOrphan({ path, inode, ctimeMs }: Orphan): void {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info?.ino === inode && info.ctimeMs === ctimeMs) unlinkSync(path);
}

/** Files that were sent over HTTP, and that no job took. Each token has a folder of its own. */
async function oldUploads({ root }: BusLayout, keepMs: number): Promise<Entry[]> {
  const folder = join(root, 'uploads');
  const owners = (await readdir(folder).catch(ignoreMissing)) ?? [];
  const found = await Promise.all(owners.map(owner => oldEntries('staging', join(folder, owner), keepMs)));
  return found.flat();
}

async function oldEntries(
  kind: Entry['kind'],
  folder: string,
  keepMs: number,
  isMeant: (name: string) => boolean = () => true,
): Promise<Entry[]> {
  const items: Entry[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (isMeant(name) && (await isOlder(path, keepMs))) items.push({ kind, path, bytes: await bytesBelow(path) });
  }
  return items;
}

/**
 * Returns the files in the store that no journal row names or ever will. The daemon links a file
 * into the store before it commits the job, which stays in `claimed/` until then. So it waits for
 * the jobs in `claimed/` before it asks the journal.
 */
async function oldOrphans(layout: BusLayout, keepMs: number): Promise<Orphan[]> {
  const candidates = new Map<string, Orphan>();
  for (const entry of await readdir(layout.store, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const info = entry.isDirectory() ? undefined : await lstat(path).catch(ignoreMissing);
    if (info === undefined || Date.now() - info.ctimeMs <= keepMs) continue;
    const { ino: inode, ctimeMs } = info;
    candidates.set(path.slice(layout.root.length + 1), {
      kind: 'orphan',
      path,
      inode,
      ctimeMs,
      bytes: freedBytes(info),
    });
  }
  if (candidates.size === 0 || !(await waitForClaimed(layout))) return [];
  const journal = await Journal.read(layout);
  try {
    const known = await journal.findRelPaths([...candidates.keys()]);
    return [...candidates].filter(([relPath]) => !known.has(relPath)).map(([, orphan]) => orphan);
  } finally {
    journal.close();
  }
}

/** Returns whether the jobs in flight settle soon. */
async function waitForClaimed({ claimed }: BusLayout): Promise<boolean> {
  const inWork = async () => claimedNames(await readdir(claimed));
  const first = await inWork();
  for (const deadline = performance.now() + patienceMs; ; await sleep(lookEveryMs)) {
    const now = new Set(await inWork());
    if (!first.some(name => now.has(name))) return true;
    if (performance.now() > deadline) return false;
  }
}

/**
 * Returns whether an entry, and each file in it, has not changed for a time. A producer that is at
 * work changes its files, and not their folder.
 */
async function isOlder(path: string, keepMs: number): Promise<boolean> {
  const isOld = ({ ctimeMs }: Stats) => Date.now() - ctimeMs > keepMs;
  const info = await lstat(path).catch(ignoreMissing);
  if (info === undefined || !isOld(info)) return false;
  if (!info.isDirectory()) return true;
  for (const name of await readdir(path).catch(() => [])) {
    const file = await lstat(join(path, name)).catch(() => undefined);
    if (file !== undefined && !isOld(file)) return false;
  }
  return true;
}

/** Folders of a producer can be nested deeper than a path is long. What lies deeper counts as 0. */
const maxDepth = 8;

/** Returns the bytes that the removal of a file or a folder frees, as far as they can be read. */
async function bytesBelow(path: string, depth = 0): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined || !info.isDirectory()) return info === undefined ? 0 : freedBytes(info);
  if (depth === maxDepth) return 0;
  let bytes = 0;
  for (const name of await readdir(path).catch(() => [])) bytes += await bytesBelow(join(path, name), depth + 1);
  return bytes;
}

const freedBytes = ({ nlink, size }: Stats): number => (nlink === 1 ? size : 0);
