import { type MemoryDatabase, openMemoryDatabase, query } from '../duckdb.js';
import { literalList } from '../sql.js';
import type { DecodeTask } from './protocol.js';

let database: Promise<MemoryDatabase> | undefined;

/** Reads every value of the files, which all have one schema. Answers what is wrong with them, or undefined. */
export async function decode({ files }: DecodeTask): Promise<string | undefined> {
  database ??= openMemoryDatabase({ memoryMb: 512, threads: 2 });
  const { connection } = await database;
  const expected = files.reduce((sum, file) => sum + file.rows, 0);
  try {
    // A hash over whole rows needs each value, so that no page stays unread.
    const [row] = await query<{ n: bigint }>(
      connection,
      `SELECT count(*) AS n, bit_xor(hash(t)) AS h FROM read_parquet(${literalList(files.map(f => f.path))}, hive_partitioning = false) t`,
    );
    return Number(row?.n) === expected ? undefined : `The footers claim ${expected} rows, the pages have ${row?.n}.`;
  } catch (error) {
    return (error as Error).message;
  }
}
