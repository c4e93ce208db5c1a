import { BusError } from '@quantbot/infra';
import type { Objects } from '@quantbot/infra/objects';

/**
 * Reads a small object that daemons wrote.
 *
 * @returns `damaged` for an object that is too large, or for a folder or a link in its place;
 * undefined if it is gone.
 * @throws BusError of the object store.
 */
export async function readState(
  objects: Objects,
  key: string,
  maxBytes: number,
): Promise<Buffer | 'damaged' | undefined> {
  try {
    return await objects.read(key, maxBytes);
  } catch (error) {
    if (!(error instanceof BusError) || !['TOO_LARGE', 'UNSAFE_PATH'].includes(error.code)) throw error;
    return 'damaged';
  }
}
