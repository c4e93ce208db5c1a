import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { chmod, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { whoseIsIt } from '@quantbot/bus-format/state';
import { busError, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { copyHandle, fileNames, PinnedFolder, syncFile, syncFolder } from '@quantbot/infra/files';
import { isSameFile, keepTimes } from './same-file.js';

/** More than an accepted job can have. The bounds end the copy of an endless tree. */
const bounds = { depth: 32, entries: 25_000 };

/**
 * A larger file is refused if its size is this many times its space on disk: such a file is sparse.
 */
const hollow = { bytes: 64 * 1024 * 1024, times: 64 };

/**
 * Copies a job's folder while its producer may still change it. Each name is looked up once,
 * through the open folder, and links are not followed. Times are kept, because the inbox is
 * processed in the order of its COMMIT times.
 *
 * It skips special files, names that are not UTF-8 and files that the producer could not have read.
 * None of them can belong to a job.
 *
 * @throws BusError `UNSAFE_PATH` if the folder changes or is too large, `BYTES_MISMATCH` as
 * `copyHandle`; system errors unchanged.
 */
export async function copyFolder(config: BusConfig, from: string, to: string): Promise<void> {
  const source = PinnedFolder.open(from);
  try {
    await new FolderCopy(config).copy(source, to, 0);
  } finally {
    source.close();
  }
}

/**
 * Returns whether an earlier backup has the same folder, by names, sizes and times. Rejected jobs
 * stay for long and may be large, so they are not copied again.
 */
export function isSameFolder(config: BusConfig, folder: string, earlier: string): boolean {
  if (lstatSync(earlier, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  const [a, b] = [PinnedFolder.open(folder), PinnedFolder.open(earlier)];
  try {
    return new FolderCopy(config).isSame(a, b, 0);
  } finally {
    a.close();
    b.close();
  }
}

interface Entry {
  name: string;
  info: Stats;
}

class FolderCopy {
  readonly #config: BusConfig;
  /** The user of the daemon. */
  readonly #owner: number;
  #entries = 0;

  constructor(config: BusConfig) {
    this.#config = config;
    this.#owner = lstatSync(busLayout(config.busRoot).claimed).uid;
  }

  async copy(source: PinnedFolder, to: string, depth: number): Promise<void> {
    mkdirSync(to, { mode: 0o700 }); // the clone briefly has the mode of its source
    const entries = this.#entriesOf(source, depth);
    const isOthers = [source.info, ...entries.map(({ info }) => info)].some(({ uid }) => uid !== this.#owner);
    for (const { name, info } of entries) {
      const target = join(to, name);
      if (info.isSymbolicLink()) await symlink(source.linkOf(name), target);
      else if (info.isFile()) await this.#copyFile(source, name, target);
      else {
        const inner = source.folder(name);
        try {
          await this.copy(inner, target, depth + 1);
        } finally {
          inner.close();
        }
      }
    }
    if (isOthers) await markAsOthers(to);
    await chmod(to, 0o755);
    await syncFolder(to);
  }

  isSame(folder: PinnedFolder, earlier: PinnedFolder, depth: number): boolean {
    const entries = this.#entriesOf(folder, depth);
    if (entries.length === 0 || entries.length !== earlier.names().length) return false;
    return entries.every(({ name, info }) => {
      const there = earlier.stat(name);
      if (info.isFile() && there.isFile()) return isSameFile(info, there);
      if (!info.isDirectory() || !there.isDirectory()) return false;
      const [a, b] = [folder.folder(name), earlier.folder(name)];
      try {
        return this.isSame(a, b, depth + 1);
      } finally {
        a.close();
        b.close();
      }
    });
  }

  #entriesOf(folder: PinnedFolder, depth: number): Entry[] {
    const names = folder.names().filter(name => !name.includes('\uFFFD'));
    this.#entries += names.length;
    if (depth > bounds.depth || this.#entries > bounds.entries)
      throw busError('UNSAFE_PATH', 'The folder has more files, or deeper folders, than a job can have.');
    return names
      .map(name => ({ name, info: folder.stat(name) }))
      .filter(
        ({ info }) => info.isDirectory() || info.isSymbolicLink() || (info.isFile() && this.#isWanted(folder, info)),
      );
  }

  #isWanted(folder: PinnedFolder, info: Stats): boolean {
    const isHollow = info.size > hollow.bytes && info.size > info.blocks * 512 * hollow.times;
    return !isHollow && whoseIsIt(this.#config, folder.info, info) === 'theirs';
  }

  async #copyFile(source: PinnedFolder, name: string, to: string): Promise<void> {
    let found: Stats | undefined;
    const handle = await source.openHandle(name, info => {
      found = info;
      if (!this.#isWanted(source, info)) throw busError('UNSAFE_PATH', `${name} was replaced while it was copied.`);
    });
    try {
      await copyHandle(handle, to, { expectedBytes: found?.size });
      await syncFile(to);
      if (found !== undefined) await keepTimes(to, found);
    } finally {
      await handle.close();
    }
  }
}

/**
 * Marks the copy of another user's job. The copy belongs to whoever takes the backup, and the
 * daemon would trust it after a restore. It does not trust a file that others may write to.
 */
async function markAsOthers(folder: string): Promise<void> {
  const commit = join(folder, fileNames.commit);
  if (lstatSync(commit, { throwIfNoEntry: false })?.isFile()) await chmod(commit, 0o664);
}
