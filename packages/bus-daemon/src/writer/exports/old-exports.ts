import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasOpenFiles, isGarbage } from '@quantbot/bus-format/state';
import { systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

/** A folder that a reader holds is looked at again after this long. */
const lookAgainMs = 5_000;

/** Removes leftovers of interrupted runs, and replaced datasets that no reader needs any more. */
export class OldExports {
  readonly #bus: Pick<Bus, 'config' | 'elapsed' | 'now'>;
  /** When to look again at what a reader held, by path. */
  readonly #held = new Map<string, number>();

  constructor(bus: Pick<Bus, 'config' | 'elapsed' | 'now'>) {
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

/** The folder of an export that has never run does not exist yet. */
export function noneIfMissing(error: unknown): string[] {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
  return [];
}
