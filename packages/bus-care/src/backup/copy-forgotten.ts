import { copyFile, mkdir, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoreMissing } from '@quantbot/bus-format';
import { keptName, tablesWithForgotten } from '@quantbot/bus-format/canon';
import { checkSeal, type Journal, listSegments, placeIn } from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra/bus';
import { syncFile, syncFolder, systemErrorCode } from '@quantbot/infra/files';

const attempts = 5;

/**
 * Copies the compacted files of each table that has rows of forgotten artifacts: nothing else has
 * these rows. A backup has no compacted files otherwise, because the store has all other rows.
 *
 * @returns a sentence for each table with a damaged file. The earlier backup's files of it stay.
 */
export async function copyKeptRows(source: BusLayout, destination: BusLayout, journal: Journal): Promise<string[]> {
  const problems: string[] = [];
  for (const table of await tablesWithForgotten(journal)) {
    const damaged = await copySegments(source, join(source.canon, table), join(destination.canon, table));
    if (damaged !== undefined)
      problems.push(`${damaged} is damaged, so this backup has no later rows of forgotten artifacts in its table`);
  }
  return problems;
}

/**
 * Compaction may remove a file meanwhile; a wider one has its rows then.
 *
 * @returns a damaged file of which the earlier backup has no good copy. Nothing is copied then.
 */
async function copySegments(source: BusLayout, from: string, to: string): Promise<string | undefined> {
  const building = join(to, `.${keptName}`);
  const kept = join(to, keptName);
  for (let attempt = 1; ; attempt++) {
    await rm(building, { recursive: true, force: true });
    await mkdir(building, { recursive: true });
    try {
      const damaged = await copySound(source, from, { building, kept });
      if (damaged === undefined) break;
      await rm(building, { recursive: true });
      return damaged;
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT' || attempt === attempts) throw error;
    }
  }
  await syncFolder(building);
  await rm(kept, { recursive: true, force: true });
  await rename(building, kept);
  await syncFolder(to);
  return undefined;
}

/** Copies the live files, each from the bus or else from the earlier backup. */
async function copySound(
  source: BusLayout,
  from: string,
  { building, kept }: { building: string; kept: string },
): Promise<string | undefined> {
  for (const { name } of (await listSegments(from)).live) {
    const copy = join(building, name);
    const place = placeIn(source, join(from, name));
    await copyFile(join(from, name), copy);
    if ((await checkSeal(copy, { place })) === 'rotten') {
      if ((await checkSeal(join(kept, name), { place })) !== 'sound') return place;
      await rm(copy);
      await copyFile(join(kept, name), copy);
    }
    await syncFile(copy);
  }
  return undefined;
}

/**
 * Returns the places in the store of artifacts whose bytes a backup needs no more.
 *
 * @param hasKeptRows whether the backup has the rows of all artifacts that were forgotten.
 */
export async function placesToClear(journal: Journal, hasKeptRows: boolean): Promise<string[]> {
  const rows = await journal.query<{ rel_path: string }>(
    `SELECT f.rel_path FROM _bus.forgotten f JOIN _bus.journal j ON j.artifact_key = f.artifact_key AND j.status = 'ingested'
     WHERE f.status = 'erased' OR (${hasKeptRows} AND j.seq <= ${journal.compactedSeq})`,
  );
  return rows.map(({ rel_path }) => rel_path);
}

/**
 * Removes the bytes of forgotten artifacts from a backup, whose journal says by now that they are.
 */
export async function clearPlaces(destination: BusLayout, relPaths: readonly string[]): Promise<void> {
  for (const relPath of relPaths) await unlink(join(destination.root, relPath)).catch(ignoreMissing);
}
