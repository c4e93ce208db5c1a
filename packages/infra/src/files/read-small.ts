import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { busError, systemErrorCode } from '../errors.js';
import { PinnedFolder } from './pinned-folder.js';

/**
 * Files up to this size are read and written synchronously, which is faster than handing them to
 * another thread.
 */
export const smallFileBytes = 1024 * 1024;

/**
 * Reads a small file that another user may have put there. It never blocks on a FIFO, reads at most
 * `maxBytes`, and follows a link only if told to. Synchronous: another thread would cost several
 * times the calls themselves (docs/performance.md).
 *
 * @param options.into a buffer of more than `maxBytes` bytes to reuse. The result lies in it until
 * the next call.
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
 * {@link readSmallFile} in a folder where other users may create names. It does not open anything
 * but a regular file with one name: a second name could belong to a file whose locks this process
 * would drop.
 *
 * @throws as {@link readSmallFile}; `UNSAFE_PATH` also for a file with other names.
 */
export function readLoneFile(path: string, maxBytes: number): Buffer {
  const folder = PinnedFolder.open(dirname(path));
  try {
    const file = folder.openFile(basename(path), ({ nlink }) => {
      if (nlink !== 1) throw busError('UNSAFE_PATH', `${path} has more than one hard link.`);
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

/** Reads a small open file from start to end. Errors call it `name`. */
export function readSmall(file: number, name: string, maxBytes: number, into?: Buffer): Buffer {
  const info = fstatSync(file);
  if (!info.isFile()) throw busError('UNSAFE_PATH', `${name} is not a regular file.`);
  if (info.size > maxBytes) throw tooLarge(name, maxBytes);
  const capacity = info.size + 1; // one more byte, to notice a growing file
  const buffer = into?.subarray(0, capacity) ?? Buffer.allocUnsafe(capacity);
  let length = 0;
  for (let read = -1; read !== 0 && length < Math.max(1, info.size); length += read)
    read = readSync(file, buffer, length, buffer.length - length, length);
  if (length > maxBytes) throw tooLarge(name, maxBytes);
  if (length !== info.size)
    throw busError('BYTES_MISMATCH', `${name} had ${info.size} bytes, and its size changed while it was read.`);
  return buffer.subarray(0, length);
}

const tooLarge = (path: string, maxBytes: number) =>
  busError('TOO_LARGE', `${path} has more than ${maxBytes} bytes, which is the limit.`);

/** Whether opening failed because the name is a link, a socket or a folder. */
export const isNotRegular = (error: unknown): boolean =>
  ['ELOOP', 'ENXIO', 'EISDIR'].includes(systemErrorCode(error) ?? '');
