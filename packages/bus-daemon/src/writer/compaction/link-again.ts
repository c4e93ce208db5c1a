import type { Dirent } from 'node:fs';
import { readdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ignoreMissing } from '@quantbot/bus-format';
import { storedBetween } from '@quantbot/bus-format/canon';
import { isTableFile, listHotCommits, positionIn, seqName } from '@quantbot/bus-format/journal';
import { hurtAmong, type SourceFile } from '@quantbot/duckdb-process';
import { copyFileDurable, makingWay, syncFolder, tryLink } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

/** A file of a canonical table in `hot/`, which is a second link to a stored one. */
export type HotFile = SourceFile & { relPath?: string };

/**
 * Replaces damaged files in `hot/` by links to the stored files, if an operator or a producer has
 * restored those.
 *
 * @returns whether any was replaced.
 */
export async function linkAgain(bus: Bus, files: readonly HotFile[]): Promise<boolean> {
  let replaced = false;
  for (const { source } of await hurtAmong(files)) {
    const { path, relPath, sha256 } = source as HotFile;
    if (relPath === undefined || sha256 == null) continue;
    const stored = join(bus.layout.root, relPath);
    const [hot, good] = [await stat(path).catch(ignoreMissing), await stat(stored).catch(ignoreMissing)];
    if (good === undefined || good.ino === hot?.ino) continue;
    if ((await hurtAmong([{ path: stored, sha256 }])).length > 0) continue;
    const beside = join(bus.layout.building, `again-${bus.newClaim()}`);
    if (!tryLink(stored, beside)) await copyFileDurable(stored, beside);
    await makingWay(path, () => rename(beside, path));
    await syncFolder(dirname(path));
    replaced = true;
  }
  return replaced;
}

/**
 * {@link linkAgain} for the files of tables in `hot/` that are not compacted yet, or for the
 * suspect ones.
 */
export async function linkHotAgain(bus: Bus, isSuspect: (entry: Dirent) => boolean = () => true): Promise<boolean> {
  const { journal, layout } = bus;
  const paths: string[] = [];
  for (const commit of await listHotCommits(layout.hot)) {
    if (commit <= journal.compactedSeq) continue;
    const folder = join(layout.hot, seqName(commit));
    for (const entry of (await readdir(folder, { withFileTypes: true }).catch(ignoreMissing)) ?? [])
      if (isTableFile(entry.name) && isSuspect(entry)) paths.push(join(folder, entry.name));
  }
  if (paths.length === 0) return false;
  const stored = await storedBetween(journal, journal.compactedSeq + 1, journal.lastSeq);
  return await linkAgain(
    bus,
    paths.map(path => ({ path, ...stored.get(positionIn(path)) })),
  );
}
