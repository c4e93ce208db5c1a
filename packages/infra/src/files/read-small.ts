import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { busError, systemErrorCode } from '../errors.js';
import { PinnedFolder } from './pinned-folder.js';

/**
 * A file up to this size is read and written at once: that takes less time than to hand it to
 * another thread.
 */
export const smallFileBytes = 1024 * 1024;

/**
 * Reads a file that somebody else may have put there, without waiting on a FIFO, reading more than
 * is allowed, or (unless told to) following a link. Synchronous: for a small file the way to
 * another thread and back costs several times the calls themselves (docs/performance.md).
 *
 * @param options.into a buffer that is used again and again instead of a new one, of more than
 * `maxBytes` bytes: what is returned lies in it, and is gone with the next file.
 * @throws BusError `UNSAFE_PATH` for anything but a regular file, `TOO_LARGE`; system errors as
 * they come (`ELOOP` for a link).
 */
export function readSmallFile(
  path: string,
  maxBytes: number,
  { followLinks = false, into }: { followLinks?: boolean; into?: Buffer } = {},
): Buffer {
  const noFollow = followLinks ? 0 : constants.O_NOFOLLOW;
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | noFollow);
  try {
    return readSmall(file, path, maxBytes, into);
  } finally {
    closeSync(file);
  }
}

/**
 * {@link readSmallFile} of a file that lies where other users may put names: what is no regular
 * file, or has other names, is not even opened. A second name could be that of a file whose locks
 * this process would drop.
 *
 * @throws as {@link readSmallFile}; `UNSAFE_PATH` also for a file with other names.
 */
export function readLoneFile(path: string, maxBytes: number): Buffer {
  const folder = PinnedFolder.open(dirname(path));
  try {
    const file = folder.openFile(basename(path), ({ nlink }) => {
      if (nlink !== 1) throw busError('UNSAFE_PATH', `${path} has other names.`);
    });
    try {
      return readSmall(file, path, maxBytes);
    } finally {
      closeSync(file);
    }
  } finally {
    folder.close();
  }
}

/**
 * Reads a small file that is open, from its beginning to its end; `name` is what errors call it.
 */
export function readSmall(file: number, name: string, maxBytes: number, into?: Buffer): Buffer {
  const info = fstatSync(file);
  if (!info.isFile()) throw busError('UNSAFE_PATH', `${name} is not a regular file.`);
  if (info.size > maxBytes) throw tooLarge(name, maxBytes);
  const capacity = info.size + 1; // one more, so that a file that grows is noticed
  const buffer = into?.subarray(0, capacity) ?? Buffer.allocUnsafe(capacity);
  let length = 0;
  for (let read = -1; read !== 0 && length < Math.max(1, info.size); length += read)
    read = readSync(file, buffer, length, buffer.length - length, length);
  if (length > maxBytes) throw tooLarge(name, maxBytes);
  if (length !== info.size)
    throw busError('BYTES_MISMATCH', `${name} changed its size of ${info.size} bytes while it was read.`);
  return buffer.subarray(0, length);
}

const tooLarge = (path: string, maxBytes: number) =>
  busError('TOO_LARGE', `${path} has more than the ${maxBytes} bytes that are allowed.`);

/**
 * Whether opening or reading without following links failed in one of the ways in which it does for
 * a link, a socket, a folder.
 */
export const isNotRegular = (error: unknown): boolean =>
  ['ELOOP', 'ENXIO', 'EISDIR'].includes(systemErrorCode(error) ?? '');
