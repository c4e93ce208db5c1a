import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import type { ContentTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';

/**
 * Returns a hash of the rows of a SELECT, as 32 hexadecimal digits. It is the sum of the MD5 of
 * each row (as JSON, with the names of the columns), in two halves modulo 2^64 each. So it ignores
 * the order of rows and a file's encoding, compression and row groups, but counts repeated rows. It
 * does not protect against forgery.
 */
export async function hashOfRows(
  connection: DuckDBConnection,
  select: string,
): Promise<{ hash: string; rows: number }> {
  const half = (name: string) =>
    `printf('%016x', CAST(coalesce(sum(CAST(${name}(j) AS HUGEINT)), 0) % 18446744073709551616 AS UBIGINT))`;
  const [row] = await query<{ hash: string; n: bigint }>(
    connection,
    `SELECT ${half('md5_number_lower')} || ${half('md5_number_upper')} AS hash, count(*) AS n
     FROM (SELECT CAST(to_json(t) AS VARCHAR) AS j FROM (${select}) t)`,
  );
  return { hash: row?.hash ?? '', rows: Number(row?.n ?? 0) };
}

/** {@link hashOfRows} of a file. */
export async function contentHash({ path }: ContentTask): Promise<string> {
  const database = await openMemoryDatabase({ memoryMb: 512, threads: 2, spillFolder: nextSpillFolder() });
  try {
    const file = `SELECT * FROM read_parquet(${literal(path)}, hive_partitioning = false)`;
    return (await hashOfRows(database.connection, file)).hash;
  } finally {
    database.close();
  }
}
