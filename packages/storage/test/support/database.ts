import { DuckDBInstance } from '@duckdb/node-api';

/** Runs statements in a database file and closes it. */
export async function runIn(path: string, ...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}
