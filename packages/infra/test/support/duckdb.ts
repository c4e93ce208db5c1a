import { DuckDBInstance } from '@duckdb/node-api';

/** Runs SQL in a new in-memory database. Returns the rows as plain JSON values. */
export async function duckdb(...statements: string[]): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const sql of statements) rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The columns of a Parquet file as DuckDB describes them. */
export async function describeParquet(path: string): Promise<{ name: string; type: string }[]> {
  const rows = await duckdb(`DESCRIBE SELECT * FROM read_parquet('${path}', hive_partitioning = false)`);
  return rows.map(row => ({ name: String(row.column_name), type: String(row.column_type) }));
}
