import { lstat, readdir, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ExportStatus, hasOpenFiles, isGarbage } from '@quantbot/bus-format/state';
import { isReplaced } from '@quantbot/infra/config';
import { systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

/** A folder that a reader holds is looked at again after this long. */
const lookAgainMs = 5_000;

/** Removes leftovers of interrupted runs, and replaced datasets that no reader needs any more. */
export class OldExports {
  readonly #bus: Pick<Bus, 'config' | 'elapsed' | 'now' | 'tables'>;
  /** When to look again at what a reader held, by path. */
  readonly #held = new Map<string, number>();

  constructor(bus: Pick<Bus, 'config' | 'elapsed' | 'now' | 'tables'>) {
    this.#bus = bus;
  }

  /**
   * Looks through the folders of exports. A replaced dataset stays for the time of grace, and then
   * for as long as a reader has one of its files open.
   */
  async remove(folders: Iterable<string>): Promise<void> {
    const { config, now } = this.#bus;
    // If the clock was set back since, do not wait for it.
    const isOld = (since: number) => Math.abs(now() - since) >= config.compaction.releaseGraceMs;
    for (const folder of folders)
      for (const name of await readdir(folder).catch(noneIfMissing))
        if (await isGarbage(folder, name, isOld)) await this.#removeUnlessHeld(join(folder, name));
  }

  /**
   * Removes the exports of tables that were dropped or renamed: no table has their names any more.
   * A dataset is a link, and its files go as those of a replaced one.
   *
   * @returns whether the status has changed.
   */
  async removeDropped({ exports }: ExportStatus): Promise<boolean> {
    const { tables, config } = this.#bus;
    const dropped = tables.lostNames.filter(name => exports[name] !== undefined && !isReplaced(name, config.export));
    for (const name of dropped) {
      const { path } = exports[name] as ExportStatus['exports'][string];
      await unlink(path).catch(unlessNoFile);
      delete exports[name];
    }
    return dropped.length > 0;
  }

  async #removeUnlessHeld(path: string): Promise<void> {
    const { elapsed } = this.#bus;
    if ((this.#held.get(path) ?? 0) > elapsed()) return;
    this.#held.delete(path);
    // Readers hold only folders. A leftover link may lead to a dataset that is used, or nowhere.
    const isFolder = (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;
    if (isFolder && (await hasOpenFiles(path))) this.#held.set(path, elapsed() + lookAgainMs);
    else await rm(path, { recursive: true, force: true });
  }
}

/** It may be gone already, or a folder that the bus did not create. */
function unlessNoFile(error: unknown): void {
  if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'EPERM'].includes(systemErrorCode(error) ?? '')) throw error;
}

/** The folder of an export that has never run does not exist yet. */
export function noneIfMissing(error: unknown): string[] {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
  return [];
}
