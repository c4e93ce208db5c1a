import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { busError } from '../errors.js';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Linux's O_PATH, which Node does not name: it finds a file without opening it. No FIFO waits for
 * it, no device starts, no lease answers, and closing it drops no lock that this process has on the
 * file.
 */
const O_PATH = 0o10000000;

/** Whether what is held open can be reached by a path of its own. */
const hasOwnPaths = process.platform === 'linux' && existsSync('/proc/self/fd');

const pathOf = (file: number): string => `${hasOwnPaths ? '/proc/self/fd' : '/dev/fd'}/${file}`;

/**
 * A folder that somebody else may rename and fill, held open: what is reached through it lies in
 * this very folder. No name in it is resolved twice, and no link is followed.
 *
 * Without `/proc` (macOS) it is reached by its path, and each name is checked before it is opened:
 * somebody who exchanges a folder below it in that moment can lead out of it.
 */
export class PinnedFolder {
  readonly #file: number;
  readonly #path: string;
  /** What it was when it was pinned. */
  readonly info: Stats;

  private constructor(file: number, path: string, info: Stats) {
    this.#file = file;
    this.#path = path;
    this.info = info;
  }

  /** @throws system errors: `ENOTDIR` or `ELOOP` for what is no folder. */
  static open(path: string): PinnedFolder {
    const file = openSync(path, (hasOwnPaths ? O_PATH : O_RDONLY) | O_DIRECTORY | O_NOFOLLOW);
    return new PinnedFolder(file, hasOwnPaths ? pathOf(file) : path, fstatSync(file));
  }

  /** The names in it. */
  names(): string[] {
    return readdirSync(`${this.#path}/`);
  }

  /** @throws system errors as {@link PinnedFolder.open}. */
  folder(name: string): PinnedFolder {
    return PinnedFolder.open(`${this.#path}/${name}`);
  }

  /** What a name is; a link is a link. */
  stat(name: string): Stats {
    return lstatSync(`${this.#path}/${name}`);
  }

  /** Where a link leads. */
  linkOf(name: string): string {
    return readlinkSync(`${this.#path}/${name}`);
  }

  /**
   * Opens a regular file for reading, never waiting for anybody. `check` may refuse it before it is
   * opened, by throwing.
   *
   * @returns its descriptor, which is the caller's to close.
   * @throws BusError `UNSAFE_PATH` for anything but a regular file; system errors as they come
   * (`EAGAIN` for one with a lease on it).
   */
  openFile(name: string, check: (info: Stats) => void = () => {}): number {
    const path = `${this.#path}/${name}`;
    const pin = hasOwnPaths ? openSync(path, O_PATH | O_NOFOLLOW) : undefined;
    try {
      const info = pin === undefined ? lstatSync(path) : fstatSync(pin);
      if (!info.isFile()) throw busError('UNSAFE_PATH', `${name} is not a regular file.`);
      check(info);
      if (pin !== undefined) return openSync(pathOf(pin), O_RDONLY | O_NONBLOCK);
      return openSame(path, name, info);
    } finally {
      if (pin !== undefined) closeSync(pin);
    }
  }

  /** {@link PinnedFolder.openFile} for a file that takes long to read. */
  async openHandle(name: string, check?: (info: Stats) => void): Promise<FileHandle> {
    const file = this.openFile(name, check);
    try {
      return await open(pathOf(file), O_RDONLY | O_NONBLOCK);
    } finally {
      closeSync(file);
    }
  }

  /** Removes a name in it that is no folder's. */
  remove(name: string): void {
    unlinkSync(`${this.#path}/${name}`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Opens by path what was looked at just now. */
function openSame(path: string, name: string, { ino, dev }: Stats): number {
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const found = fstatSync(file);
  if (found.isFile() && found.ino === ino && found.dev === dev) return file;
  closeSync(file);
  throw busError('UNSAFE_PATH', `${name} was exchanged while it was opened.`);
}
