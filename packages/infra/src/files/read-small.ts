import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { busError, systemErrorCode } from '../errors.js';

/** A file up to this size is read and written at once: that takes less time than to hand it to another thread. */
export const smallFileBytes = 1024 * 1024;

/**
 * Reads a file that somebody else may have put there, without waiting on a FIFO, reading more than is allowed, or (unless told to)
 * following a link. Synchronous: for a small file the way to another thread and back costs several times the calls themselves
 * (docs/performance.md).
 *
 * @param options.into a buffer that is used again and again instead of a new one, of more than `maxBytes` bytes: what is returned lies in it,
 * and is gone with the next file.
 * @throws BusError `UNSAFE_PATH` for anything but a regular file, `TOO_LARGE`; system errors as they come (`ELOOP` for a link).
 */
export function readSmallFile(
  path: string,
  maxBytes: number,
  { followLinks = false, into }: { followLinks?: boolean; into?: Buffer } = {},
): Buffer {
  const noFollow = followLinks ? 0 : constants.O_NOFOLLOW;
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | noFollow);
  try {
    const info = fstatSync(file);
    if (!info.isFile()) throw busError('UNSAFE_PATH', `${path} is not a regular file.`);
    if (info.size > maxBytes) throw tooLarge(path, maxBytes);
    const capacity = info.size + 1; // one more, so that a file that grows is noticed
    const buffer = into?.subarray(0, capacity) ?? Buffer.allocUnsafe(capacity);
    let length = 0;
    for (let read = -1; read !== 0 && length < Math.max(1, info.size); length += read)
      read = readSync(file, buffer, length, buffer.length - length, length);
    if (length > maxBytes) throw tooLarge(path, maxBytes);
    if (length !== info.size)
      throw busError('BYTES_MISMATCH', `${path} changed its size of ${info.size} bytes while it was read.`);
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

const tooLarge = (path: string, maxBytes: number) =>
  busError('TOO_LARGE', `${path} has more than the ${maxBytes} bytes that are allowed.`);

/** Whether opening or reading without following links failed in one of the ways in which it does for a link, a socket, a folder. */
export const isNotRegular = (error: unknown): boolean =>
  ['ELOOP', 'ENXIO', 'EISDIR'].includes(systemErrorCode(error) ?? '');
