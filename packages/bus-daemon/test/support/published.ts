import { DuckDBInstance } from '@duckdb/node-api';
import { query } from '@quantbot/bus-format/duckdb';
import type { BusConfig } from '@quantbot/infra/config';

/** Queries the published database of a bus, like any reader. Returns 64-bit integers as numbers. */
export async function queryPublished(
  { config }: { config: BusConfig },
  sql: string,
): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(config.duckdbPath, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const rows = await query<Record<string, unknown>>(connection, sql);
    for (const row of rows) for (const name in row) if (typeof row[name] === 'bigint') row[name] = Number(row[name]);
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
