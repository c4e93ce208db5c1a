import { type LakeAddress, openLake } from '../lake/open-lake.js';
import { DuckDb } from '../open-duckdb.js';
import { resolveMapping } from '../types/mapping.js';
import { published } from './attach.js';
import { makePast } from './past.js';

/**
 * The lake as a database with `catalog.*` and `canon.*`. Each query sees the newest publication.
 *
 * @throws StorageError as `openLake`.
 */
export const openLakeDatabase = (address: LakeAddress): Promise<DuckDb> => asDatabase(address, 'bus', 'USE bus');

/** {@link openLakeDatabase} as it was after a job. */
export async function openLakePast(address: LakeAddress, seq: number): Promise<DuckDb> {
  const database = await asDatabase(address, published);
  try {
    await makePast(database, seq);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function asDatabase(address: LakeAddress, as: string, begin?: string): Promise<DuckDb> {
  const acquire = async () => {
    const { instance, connection, close } = await openLake(address, { readOnly: true, as });
    if (begin !== undefined) await connection.run(begin);
    return { connection, shared: { instance, identity: as, release: close, discard: () => {} } };
  };
  return new DuckDb('of the cluster', await acquire(), resolveMapping({}), acquire);
}
