import { type LakeAddress, openLake } from '../lake/open-lake.js';
import { type AcquiredConnection, DuckDb } from '../open-duckdb.js';
import { resolveMapping } from '../types/mapping.js';
import { published } from './attach.js';
import { withPast } from './past.js';

/**
 * The lake as a database with `catalog.*` and `canon.*`. Each query sees the newest publication.
 *
 * @throws StorageError as `openLake`.
 */
export const openLakeDatabase = (address: LakeAddress): Promise<DuckDb> => asDatabase(address, 'bus', 'USE bus');

/** Like {@link openLakeDatabase}, but shows the lake as it was after a job. */
export const openLakePast = async (address: LakeAddress, seq: number): Promise<DuckDb> =>
  withPast(await asDatabase(address, published), seq);

async function asDatabase(address: LakeAddress, as: string, begin?: string): Promise<DuckDb> {
  const acquire = async () => {
    const attached = await attachLake(address, as);
    if (begin !== undefined) await attached.connection.run(begin);
    return attached;
  };
  return new DuckDb('of the cluster', await acquire(), resolveMapping({}), acquire);
}

/** Opens a new in-memory database, and attaches the lake read-only under a name. */
export async function attachLake(address: LakeAddress, as: string): Promise<AcquiredConnection> {
  const { instance, connection, close } = await openLake(address, { readOnly: true, as });
  return { connection, shared: { instance, identity: as, release: close, discard: () => {} } };
}
