import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { daemonError } from '@quantbot/bus-format';
import { openObjects, type S3Options } from '@quantbot/infra/objects';

/** The parts of a key in the store: `store/<producer>/<kind>/<file>`. */
const keyParts = 4;

/**
 * Runs work with files that DuckDB reads on this machine: those of an object store are copied into
 * a folder, which is removed after the work.
 *
 * @param options.folder a new folder.
 * @throws DaemonError `FILE_DAMAGED` if an object is missing; BusError `OBJECT_STORE_DENIED`,
 * `OBJECT_STORE_UNREACHABLE`.
 */
export async function withLocalSides<S extends { path: string }, T>(
  sides: { left: S; right: S },
  { folder, s3, signal }: { folder: string; s3: S3Options | undefined; signal?: AbortSignal },
  work: (sides: { left: S; right: S }) => Promise<T>,
): Promise<T> {
  const local = async (name: string, side: S): Promise<S> => {
    if (!side.path.startsWith('s3://')) return side;
    signal?.throwIfAborted();
    const parts = side.path.split('/');
    const objects = await openObjects(parts.slice(0, -keyParts).join('/'), s3);
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${name}.parquet`);
    if ((await objects.download(parts.slice(-keyParts).join('/'), path)) === undefined)
      throw daemonError('FILE_DAMAGED', `${side.path} is missing.`);
    return { ...side, path };
  };
  try {
    return await work({ left: await local('left', sides.left), right: await local('right', sides.right) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
