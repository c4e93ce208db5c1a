import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isGuard } from '@quantbot/bus-format/state';
import { BusError } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { isNotRegular, PinnedFolder, systemErrorCode } from '@quantbot/infra/files';
import { withFileThread } from '../file-work.js';
import { refuse } from '../http-error.js';

/** The bytes of a file that is open for reading. */
export interface Content {
  /** Returns some bytes from a position on, before `end`; none at the end of the file. */
  read(position: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** One version of a file, on this machine or on an object store. */
export interface OpenFile extends Content {
  size: number;
  /** The entity tag of this version, in quotes. */
  tag: string;
}

/** Bytes that are read at a time. Few of them are in memory for each client. */
export const chunkBytes = 128 * 1024;

/** Returns the content of an open file, which `close` closes. */
export const contentOf = (file: FileHandle): Content => ({
  async read(position, end) {
    const chunk = new Uint8Array(Math.min(chunkBytes, end - position));
    const { bytesRead } = await withFileThread(() => file.read(chunk, 0, chunk.length, position));
    return bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
  },
  close: () => file.close(),
});

/**
 * Opens a file of this machine without following links, and without ever waiting; undefined if
 * there is no regular file. If another file takes its name, this one stays whole for its reader.
 */
export async function openLocalFile(config: BusConfig, path: string): Promise<OpenFile | undefined> {
  const handle = await openRegular(config, path);
  if (handle === undefined) return undefined;
  try {
    const { size, ino, mtimeNs } = await handle.stat({ bigint: true });
    const tag = `"${[ino, size, mtimeNs].map(part => part.toString(16)).join('-')}"`;
    return { ...contentOf(handle), size: Number(size), tag };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openRegular(config: BusConfig, path: string): Promise<FileHandle | undefined> {
  let folder: PinnedFolder | undefined;
  try {
    folder = PinnedFolder.open(dirname(path));
    return await folder.openHandle(basename(path), info => {
      if (isGuard(config, info as Stats)) refuse('HTTP_NOT_FOUND', 'That file belongs to the bus.');
    });
  } catch (error) {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '');
    if (isMissing || isNotRegular(error) || (error instanceof BusError && error.code === 'UNSAFE_PATH'))
      return undefined;
    throw error;
  } finally {
    folder?.close();
  }
}
