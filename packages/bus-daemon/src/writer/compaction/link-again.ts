import { rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ignoreMissing } from '@quantbot/bus-format';
import { hurtAmong, type SourceFile } from '@quantbot/duckdb-process';
import { copyFileDurable, makingWay, syncFolder, tryLink } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

/** A file of a canonical table in `hot/`, which is a second link to a stored one. */
export type HotFile = SourceFile & { relPath?: string };

/**
 * Replaces damaged files in `hot/` by links to the stored files, where an operator or a producer
 * has put those back.
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
