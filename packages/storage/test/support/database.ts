import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { temporaryFolder } from './folder.js';

/** Runs statements in a database file and closes it. */
export async function runIn(path: string, ...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

/** A database that says of itself what one of a bus does. */
export async function databaseOfBus(): Promise<string> {
  const folder = temporaryFolder();
  const path = join(folder, 'alerts.duckdb');
  await runIn(
    path,
    'CREATE SCHEMA catalog',
    `CREATE VIEW catalog.bus_info AS SELECT '${folder}/bus' AS bus_root, '${folder}/exports' AS export_dir`,
  );
  return path;
}
