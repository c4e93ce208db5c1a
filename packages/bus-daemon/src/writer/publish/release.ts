import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listHotCommits, listSegments, liveSegments, seqName } from '@quantbot/bus-format/journal';
import {
  databasePath,
  isHeldOpen,
  listDamagedRecords,
  listPublished,
  type PublishedDatabase,
} from '@quantbot/bus-format/state';
import type { Snapshot } from '@quantbot/bus-format/views';
import { exists, faultPoint } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { neededAfter } from './snapshot.js';

/**
 * Deletes files that no reader needs: superseded databases that are not open, then segments and
 * commits that no remaining database and no running export refers to. A crash leaves garbage, which
 * the next run removes.
 *
 * @param pinned snapshots that running exports read.
 * @returns the names of superseded databases that a reader still holds.
 */
export async function releaseUnused(bus: Bus, pinned: readonly Snapshot[]): Promise<string[]> {
  const kept: PublishedDatabase[] = [];
  const held: string[] = [];
  const current = await stat(bus.config.duckdbPath).catch(() => undefined);
  for (const record of await listPublished(bus.layout)) {
    const isCurrent = record.ino === current?.ino;
    // If the clock was set back since, do not wait for it.
    const resting =
      record.supersededAt !== null && Math.abs(bus.now() - record.supersededAt) >= bus.config.compaction.releaseGraceMs;
    if (isCurrent || !resting) kept.push(record);
    else if (await stillHeld(bus, record)) {
      kept.push(record);
      held.push(record.name);
    } else await forget(bus, record);
  }
  const isUnsure = await keepsUnknown(bus, current?.ino);
  if (!isUnsure) await deleteUnreferenced(bus, kept, pinned);
  return held;
}

/**
 * Whether a database with a damaged record still exists. Its files are unknown, so no file is
 * deleted while it is the current one, within the grace period, or held open.
 */
async function keepsUnknown(bus: Bus, currentIno: number | undefined): Promise<boolean> {
  let isUnsure = false;
  for (const name of await listDamagedRecords(bus.layout)) {
    const info = await stat(databasePath(bus.layout, name)).catch(() => undefined);
    const isResting = Math.abs(bus.now() - (info?.ctimeMs ?? 0)) >= bus.config.compaction.releaseGraceMs;
    const isKept = info !== undefined && (info.ino === currentIno || !isResting || (await stillHeld(bus, { name })));
    if (isKept) isUnsure = true;
    else await forget(bus, { name });
  }
  return isUnsure;
}

async function stillHeld(bus: Bus, record: Pick<PublishedDatabase, 'name'>): Promise<boolean> {
  return (await exists(databasePath(bus.layout, record.name))) && isHeldOpen(bus.layout, record);
}

/**
 * Remove the database first: a record without a database is harmless, but a database without a
 * record may need unknown files.
 */
async function forget(bus: Bus, record: Pick<PublishedDatabase, 'name'>): Promise<void> {
  const path = join(bus.layout.published, record.name);
  await rm(`${path}.duckdb`, { force: true, recursive: true });
  await rm(`${path}.duckdb.wal`, { force: true });
  faultPoint('release:database-removed');
  await rm(`${path}.json`, { force: true, recursive: true });
}

async function deleteUnreferenced(
  bus: Bus,
  kept: readonly PublishedDatabase[],
  pinned: readonly Snapshot[],
): Promise<void> {
  const { layout, journal } = bus;
  // Without a published database it is unknown which files readers need. Keep all until there is
  // one.
  if (kept.length === 0) return;
  const needed = new Set([
    ...kept.flatMap(record => record.segments),
    ...pinned.flatMap(snapshot => snapshot.segments),
  ]);
  for (const name of (await listSegments(layout.segments)).garbage)
    if (!needed.has(name)) await discard(bus, join(layout.segments, name));
  const pinnedTables = pinned.map(({ tables }) => new Map(tables.map(({ table, segments }) => [table.name, segments])));
  const names = [...bus.tables.tables().map(({ name }) => name), ...bus.tables.changedByOperations];
  for (const table of new Set(names)) {
    // Segments beyond the journal's belong to a running compaction.
    const all = (await bus.tableSegments.of(table)).filter(({ last }) => last <= journal.compactedSeq);
    const live = liveSegments(all, journal.compactedSeq);
    if (all.length === live.length) continue;
    const inUse = new Set([
      ...live.map(({ name }) => name),
      ...kept.flatMap(record => record.tables[table] ?? []),
      ...pinnedTables.flatMap(segments => segments.get(table) ?? []),
    ]);
    for (const { name } of all) {
      if (inUse.has(name)) continue;
      await bus.tableSegments.change(table, () => discard(bus, join(layout.canon, table, name)));
    }
  }
  const hotAfter = Math.min(journal.compactedSeq, ...kept.map(record => record.hotAfter), ...pinned.map(neededAfter));
  for (const seq of await listHotCommits(layout.hot))
    if (seq <= hotAfter) await discard(bus, join(layout.hot, seqName(seq)));
}

/**
 * Moves a folder out of every glob in one step, then removes it, so that no reader sees half of it.
 */
async function discard(bus: Bus, path: string): Promise<void> {
  const trash = join(bus.layout.building, `trash-${bus.newClaim()}`);
  await rename(path, trash);
  faultPoint('release:renamed');
  await rm(trash, { recursive: true, force: true });
}
