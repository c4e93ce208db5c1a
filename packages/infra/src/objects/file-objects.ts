import { closeSync, fstatSync, mkdirSync, type Stats } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkedRoot } from '../config/config.js';
import { busError, systemErrorCode } from '../errors.js';
import { copyFileDurable } from '../files/copy.js';
import { copySmall, digestHandle, digestOf } from '../files/digest.js';
import { syncFolder } from '../files/flush.js';
import { PinnedFolder, withHandle } from '../files/pinned-folder.js';
import { isNotRegular, readSmall, smallFileBytes } from '../files/read-small.js';
import {
  createFileDurable,
  createFileDurableBy,
  makeFolderDurable,
  replaceFileDurable,
  writeFileDurable,
} from '../files/write.js';
import { checkKey, checkListedKey, checkPrefix, compareKeys } from './keys.js';
import { type DownloadOptions, type ListedObject, type ObjectHead, type Objects, tooLong } from './objects.js';

/** Opens the objects below a `file://` URL: a folder that all hosts share. */
export async function openFolder(url: string): Promise<Objects> {
  return new FileObjects(folderOf(url));
}

function folderOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.host !== '' || parsed.search !== '' || parsed.hash !== '' || /%2f/i.test(url))
    throw busError('BUS_ROOT_INVALID', 'The root of the bus is not of the form file:///absolute/folder.', {
      hint: 'Write three slashes and an absolute path.',
    });
  const path = fileURLToPath(parsed).replace(/\/+$/, '');
  if (path === '') throw busError('BUS_ROOT_INVALID', 'The root of the bus is the root of the file system.');
  return checkedRoot(path, 'the root of the bus');
}

/**
 * Objects as files. Every folder on the way to one is opened without following links, so that no
 * key leads out of the root.
 */
class FileObjects implements Objects {
  readonly url: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.url = pathToFileURL(root).href;
  }

  async create(
    key: string,
    body: Uint8Array | { path: string },
    { sha256 }: { sha256?: string } = {},
  ): Promise<'created' | 'exists'> {
    return await this.#inNewFolder(key, async (folder, name) => {
      if (folder.find(name) !== undefined) {
        await syncFolder(folder.pathOf('.')); // whoever created it may not have flushed its name yet
        return 'exists';
      }
      const check = (found: string) => {
        if (sha256 !== undefined && found !== sha256)
          throw busError('CHECKSUM_MISMATCH', `The content of ${key} has another SHA-256 than was said.`);
      };
      if (body instanceof Uint8Array) {
        check(digestOf(body).sha256);
        return (await createFileDurable(folder.pathOf(name), body)) ? 'created' : 'exists';
      }
      const created = await createFileDurableBy(folder.pathOf(name), async temporary =>
        check((await copyFileDurable(body.path, temporary)).sha256),
      );
      return created ? 'created' : 'exists';
    });
  }

  async replace(key: string, body: Uint8Array | { path: string }): Promise<void> {
    await this.#inNewFolder(key, async (folder, name) => {
      const place = folder.pathOf(name);
      if (body instanceof Uint8Array) await writeFileDurable(place, body);
      else await replaceFileDurable(place, temporary => copyFileDurable(body.path, temporary));
    });
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    return await this.#inFolder(checkKey(key), async (folder, name) => {
      const info = regular(key, folder.find(name));
      return info && { bytes: info.size };
    });
  }

  async read(key: string, maxBytes: number): Promise<Buffer | undefined> {
    return await this.#withFile(key, async file => readSmall(file, key, maxBytes));
  }

  async readRange(key: string, offset: number, length: number): Promise<Buffer> {
    const content = await this.#withFile(key, file =>
      withHandle(file, async handle => {
        const buffer = Buffer.alloc(Math.max(0, Math.min(length, (await handle.stat()).size - offset)));
        let done = 0;
        for (let read = -1; read !== 0 && done < buffer.length; done += read)
          read = (await handle.read(buffer, done, buffer.length - done, offset + done)).bytesRead;
        return buffer.subarray(0, done);
      }),
    );
    if (content === undefined) throw busError('ARTIFACT_MISSING', `There is no object ${key}.`);
    return content;
  }

  async download(key: string, path: string, { maxBytes = Number.POSITIVE_INFINITY, mayRead }: DownloadOptions = {}) {
    return await this.#withFile(key, async file => {
      const { size } = fstatSync(file);
      if (size > maxBytes) throw tooLong(key, maxBytes);
      if (size <= smallFileBytes) return copySmall(file, key, path);
      return withHandle(file, async source => {
        await mayRead?.(source);
        const target = await open(path, 'wx');
        try {
          return await digestHandle(source, { sink: target });
        } finally {
          await target.close();
        }
      });
    });
  }

  async list(
    prefix: string,
    { after = '', limit = 1000 }: { after?: string; limit?: number } = {},
  ): Promise<ListedObject[]> {
    const found: ListedObject[] = [];
    const folder = checkPrefix(prefix).slice(0, prefix.lastIndexOf('/') + 1);
    for (const { key, info } of this.#below(folder, key => mayHold(key, prefix, after))) {
      if (found.length >= limit) break;
      if (key.startsWith(prefix) && compareKeys(key, after) > 0)
        found.push({ key, bytes: info.size, modifiedAtMs: Math.floor(info.mtimeMs) });
    }
    return found;
  }

  /**
   * The files below a folder in the order of their keys. A folder counts as its name and a slash,
   * as its files' keys do. Names that begin with a dot are temporary.
   */
  *#below(folder: string, wanted: (key: string) => boolean): Generator<{ key: string; info: Stats }> {
    const pinned = this.#pin(folder === '' ? [] : folder.slice(0, -1).split('/'));
    if (pinned === undefined) return;
    try {
      const entries = pinned.entries().filter(({ name, isFolder, isFile }) => (isFolder || isFile) && name[0] !== '.');
      const names = entries.map(({ name, isFolder }) => (isFolder ? `${name}/` : name)).sort(compareKeys);
      for (const name of names) {
        const key = folder + name;
        if (!wanted(key)) continue;
        if (name.endsWith('/')) yield* this.#below(key, wanted);
        else {
          const info = pinned.find(name);
          if (info?.isFile()) yield { key, info };
        }
      }
    } finally {
      pinned.close();
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    const byFolder = new Map<string, string[]>();
    for (const key of keys) {
      const folder = checkListedKey(key).slice(0, key.lastIndexOf('/') + 1);
      const names = byFolder.get(folder) ?? [];
      names.push(key.slice(folder.length));
      byFolder.set(folder, names);
    }
    for (const [folder, names] of byFolder)
      await this.#inFolder(`${folder}x`, async pinned => {
        // All must have ended before the folder is closed.
        const ended = await Promise.allSettled(names.map(name => removeIn(pinned, name)));
        const failed = ended.find(({ status }) => status === 'rejected');
        if (failed?.status === 'rejected') throw failed.reason;
        if (ended.some(end => end.status === 'fulfilled' && end.value)) await syncFolder(pinned.pathOf('.'));
      });
  }

  locationOf(key: string): string {
    return join(this.#root, checkKey(key));
  }

  /** Runs `work` with the object as an open file; undefined if there is none. */
  async #withFile<T>(key: string, work: (file: number) => Promise<T>): Promise<T | undefined> {
    return await this.#inFolder(checkKey(key), async (folder, name) => {
      let file: number;
      try {
        file = folder.openFile(name);
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        throw isNotRegular(error) ? unsafe(key) : error;
      }
      try {
        return await work(file);
      } finally {
        closeSync(file);
      }
    });
  }

  /** Runs `work` in the folder of a key; undefined if there is none. */
  async #inFolder<T>(key: string, work: (folder: PinnedFolder, name: string) => Promise<T>): Promise<T | undefined> {
    const parts = key.split('/');
    const name = parts.pop() as string;
    const folder = this.#pin(parts);
    if (folder === undefined) return undefined;
    try {
      return await work(folder, name);
    } finally {
      folder.close();
    }
  }

  /** Opens a folder below the root, one part after the other; undefined if it is not there. */
  #pin(parts: readonly string[]): PinnedFolder | undefined {
    let folder: PinnedFolder | undefined;
    try {
      const [first = '.', ...deeper] = parts;
      folder = PinnedFolder.open(`${this.#root}/${first}`); // the root itself may be a link
      for (const part of deeper) folder = stepInto(folder, part);
      return folder;
    } catch (error) {
      folder?.close();
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw ['ENOTDIR', 'ELOOP'].includes(systemErrorCode(error) ?? '') ? unsafe(parts.join('/')) : error;
    }
  }

  /** Runs `work` in the folder of a key, which it creates if need be. */
  async #inNewFolder<T>(key: string, work: (folder: PinnedFolder, name: string) => Promise<T>): Promise<T> {
    const parts = checkKey(key).split('/');
    const name = parts.pop() as string;
    let folder = this.#pin(parts);
    if (folder === undefined) {
      await makeFolderDurable(this.#root);
      for (let depth = 0; depth < parts.length; depth++)
        await this.#inFolder(parts.slice(0, depth + 1).join('/'), makeFolderIn);
      folder = this.#pin(parts);
      if (folder === undefined)
        throw busError('OBJECT_STORE_FAILED', `The folder of ${key} is removed by another program.`);
    }
    try {
      return await work(folder, name);
    } finally {
      folder.close();
    }
  }
}

function stepInto(folder: PinnedFolder, part: string): PinnedFolder {
  const next = folder.folder(part);
  folder.close();
  return next;
}

/** Whether keys that begin with this one may have the prefix and come after `after`. */
function mayHold(key: string, prefix: string, after: string): boolean {
  if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false;
  return compareKeys(key, after) > 0 || (key.endsWith('/') && after.startsWith(key));
}

/** Removes a file without blocking the program for long. Returns false if there is none. */
async function removeIn(folder: PinnedFolder, name: string): Promise<boolean> {
  const info = folder.find(name);
  if (info?.isFile() !== true) return false;
  try {
    if (info.size <= smallFileBytes) folder.remove(name);
    else await unlink(folder.pathOf(name));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error; // another removed it first
  }
  return true;
}

function regular(key: string, info: Stats | undefined): Stats | undefined {
  if (info !== undefined && !info.isFile()) throw unsafe(key);
  return info;
}

/** Creates a folder, unless it is there, and flushes its name. */
async function makeFolderIn(folder: PinnedFolder, name: string): Promise<void> {
  try {
    mkdirSync(folder.pathOf(name));
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return;
    throw error;
  }
  await syncFolder(folder.pathOf('.'));
}

const unsafe = (key: string) => busError('UNSAFE_PATH', `${key} is not a regular file in a real folder.`);
