import { copyFile, mkdir, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoreMissing } from '@quantbot/bus-format';
import { keptName, tablesWithForgotten } from '@quantbot/bus-format/canon';
import { type Journal, listSegments } from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra/bus';
import { syncFile, syncFolder, systemErrorCode } from '@quantbot/infra/files';

const attempts = 5;

/**
 * Copies the compacted files of each table that has rows of forgotten artifacts: nothing else has
 * these rows. A backup has no compacted files otherwise, because the store has all other rows.
 */
export async function copyKeptRows(source: BusLayout, destination: BusLayout, journal: Journal): Promise<void> {
  for (const table of await tablesWithForgotten(journal))
    await copySegments(join(source.canon, table), join(destination.canon, table));
}

/** Compaction may remove a file meanwhile; a wider one has its rows then. */
async function copySegments(from: string, to: string): Promise<void> {
  const building = join(to, `.${keptName}`);
  for (let attempt = 1; ; attempt++) {
    await rm(building, { recursive: true, force: true });
    await mkdir(building, { recursive: true });
    try {
      for (const { name } of (await listSegments(from)).live) {
        await copyFile(join(from, name), join(building, name));
        await syncFile(join(building, name));
      }
      break;
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT' || attempt === attempts) throw error;
    }
  }
  await syncFolder(building);
  const kept = join(to, keptName);
  await rm(kept, { recursive: true, force: true });
  await rename(building, kept);
  await syncFolder(to);
}

/** Returns the places in the store of artifacts whose bytes a backup needs no more. */
export async function placesToClear(journal: Journal): Promise<string[]> {
  const rows = await journal.query<{ rel_path: string }>(
    `SELECT f.rel_path FROM _bus.forgotten f JOIN _bus.journal j ON j.artifact_key = f.artifact_key AND j.status = 'ingested'
     WHERE f.status = 'erased' OR j.seq <= ${journal.compactedSeq}`,
  );
  return rows.map(({ rel_path }) => rel_path);
}

/**
 * Removes the bytes of forgotten artifacts from a backup, whose journal says by now that they are.
 */
export async function clearPlaces(destination: BusLayout, relPaths: readonly string[]): Promise<void> {
  for (const relPath of relPaths) await unlink(join(destination.root, relPath)).catch(ignoreMissing);
}
