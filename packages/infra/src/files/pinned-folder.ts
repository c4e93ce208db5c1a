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
 * Linux's O_PATH, which Node does not export. It finds a file without opening it: no FIFO blocks,
 * no device starts, no lease answers, and closing it drops no lock of this process.
 */
const O_PATH = 0o10000000;

/** Whether an open descriptor has a path of its own. */
const hasOwnPaths = process.platform === 'linux' && existsSync('/proc/self/fd');

const pathOf = (file: number): string => `${hasOwnPaths ? '/proc/self/fd' : '/dev/fd'}/${file}`;

/**
 * An open folder that another user may rename and fill. Files reached through it lie in this very
 * folder: no name is resolved twice, and no link is followed.
 *
 * Without `/proc` (macOS), names are resolved by path and checked before they are opened. A user
 * who exchanges a folder at that moment can lead out of it.
 */
export class PinnedFolder {
  readonly #file: number;
  readonly #path: string;

  private constructor(file: number, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** @throws system errors: `ENOTDIR` or `ELOOP` if the path is not a folder. */
  static open(path: string): PinnedFolder {
    const file = openSync(path, (hasOwnPaths ? O_PATH : O_RDONLY) | O_DIRECTORY | O_NOFOLLOW);
    return new PinnedFolder(file, hasOwnPaths ? pathOf(file) : path);
  }

  /** Its state. */
  get info(): Stats {
    return fstatSync(this.#file);
  }

  /** The names in it. */
  names(): string[] {
    return readdirSync(`${this.#path}/`);
  }

  /** The names in it, and what they are: `isFolder` and `isFile` are false for links. */
  entries(): { name: string; isFolder: boolean; isFile: boolean }[] {
    return readdirSync(`${this.#path}/`, { withFileTypes: true }).map(entry => ({
      name: entry.name,
      isFolder: entry.isDirectory(),
      isFile: entry.isFile(),
    }));
  }

  /** The path of a name in it, for writing. Valid while it is open. */
  pathOf(name: string): string {
    return `${this.#path}/${name}`;
  }

  /** @throws system errors as {@link PinnedFolder.open}. */
  folder(name: string): PinnedFolder {
    return PinnedFolder.open(`${this.#path}/${name}`);
  }

  /** Returns the state of a name, without following a link. */
  stat(name: string): Stats {
    return lstatSync(`${this.#path}/${name}`);
  }

  /** {@link PinnedFolder.stat}; undefined if the name is not there. */
  find(name: string): Stats | undefined {
    return lstatSync(`${this.#path}/${name}`, { throwIfNoEntry: false });
  }

  /** Where a link leads. */
  linkOf(name: string): string {
    return readlinkSync(`${this.#path}/${name}`);
  }

  /**
   * Opens a regular file for reading, without ever blocking. `check` may refuse it by throwing,
   * before it is opened.
   *
   * @returns its descriptor, which the caller must close.
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

  /** {@link PinnedFolder.openFile} for large files. */
  async openHandle(name: string, check?: (info: Stats) => void): Promise<FileHandle> {
    const file = this.openFile(name, check);
    try {
      return await open(pathOf(file), O_RDONLY | O_NONBLOCK);
    } finally {
      closeSync(file);
    }
  }

  /** Removes a name that is not a folder. */
  remove(name: string): void {
    unlinkSync(`${this.#path}/${name}`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Opens an open file once more for asynchronous reads, and closes that after `work`. */
export async function withHandle<T>(file: number, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(pathOf(file), O_RDONLY | O_NONBLOCK);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

/** Opens by path the file that was just examined. */
function openSame(path: string, name: string, { ino, dev }: Stats): number {
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const found = fstatSync(file);
  if (found.isFile() && found.ino === ino && found.dev === dev) return file;
  closeSync(file);
  throw busError('UNSAFE_PATH', `${name} was replaced while it was opened.`);
}
