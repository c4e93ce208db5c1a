import { type LakeAddresses, openLake } from '../lake/open-lake.js';
import { type AcquiredConnection, DuckDb } from '../open-duckdb.js';
import { resolveMapping } from '../types/mapping.js';
import { published } from './attach.js';
import { withPast } from './past.js';

/**
 * The lake as a database with `catalog.*` and `canon.*`. Each query sees the newest publication.
 *
 * @throws StorageError as `openLake`.
 */
export const openLakeDatabase = (addresses: LakeAddresses): Promise<DuckDb> => asDatabase(addresses, 'bus', 'USE bus');

/** Like {@link openLakeDatabase}, but shows the lake as it was after a job. */
export const openLakePast = async (addresses: LakeAddresses, seq: number): Promise<DuckDb> =>
  withPast(await asDatabase(addresses, published), seq);

async function asDatabase(addresses: LakeAddresses, as: string, begin?: string): Promise<DuckDb> {
  const acquire = async () => {
    const attached = await attachLake(addresses, as);
    if (begin !== undefined) await attached.connection.run(begin);
    return attached;
  };
  return new DuckDb('of the cluster', await acquire(), resolveMapping({}), acquire);
}

/** Opens a new in-memory database, and attaches the lake read-only under a name. */
export async function attachLake(addresses: LakeAddresses, as: string): Promise<AcquiredConnection> {
  const lake = await openLake(await addresses(), { readOnly: true, as });
  const { instance, connection, close } = lake;
  return {
    connection,
    shared: { instance, identity: as, release: close, discard: () => {} },
    prepare: async () => lake.renew(await addresses()),
  };
}
