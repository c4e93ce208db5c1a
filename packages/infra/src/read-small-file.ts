import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { busError } from './errors.js';

/**
 * Reads a file that somebody else may have put there, without following a link, waiting on a FIFO, or reading more than is allowed.
 *
 * @throws BusError `UNSAFE_PATH` for anything but a regular file, `TOO_LARGE`; system errors as they come (`ELOOP` for a link).
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw busError('UNSAFE_PATH', `${path} is not a regular file.`);
    const buffer = Buffer.alloc(Math.min(info.size, maxBytes) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > maxBytes || info.size > maxBytes)
      throw busError('TOO_LARGE', `${path} has more than the ${maxBytes} bytes that are allowed.`);
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}
