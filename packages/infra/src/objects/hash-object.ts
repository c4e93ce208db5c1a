import { createHash } from 'node:crypto';
import type { Objects } from './objects.js';

const rangeBytes = 8 * 1024 * 1024;

/**
 * Reads an object of this size and hashes it (SHA-256, 64 hex digits), in bounded memory.
 *
 * @throws BusError `ARTIFACT_MISSING`.
 */
export async function hashObject(objects: Pick<Objects, 'readRange'>, key: string, bytes: number): Promise<string> {
  const sha256 = createHash('sha256');
  for (let offset = 0; offset < bytes; offset += rangeBytes)
    sha256.update(await objects.readRange(key, offset, Math.min(rangeBytes, bytes - offset)));
  return sha256.digest('hex');
}
