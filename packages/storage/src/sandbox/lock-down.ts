import type { DuckDBConnection } from '@duckdb/node-api';
import type { BusLayout } from '@quantbot/infra';
import { literal } from '../sql.js';

/**
 * What SQL that is not our own may reach. DuckDB permits writing there too, so whoever runs it lets
 * it be one SELECT only.
 */
export interface Reach {
  folders: readonly string[];
  /** Single files besides. */
  files?: readonly string[];
}

/**
 * The folders in which nobody but the daemon can put names: SQL that is not our own may name files
 * in these.
 */
export const foldersOfDaemon = ({ store, canon, hot, segments }: BusLayout, exportDir: string): string[] => [
  store,
  canon,
  hot,
  segments,
  exportDir,
];

/**
 * From here on the connection's SQL reaches these folders and files, and nothing else, and cannot
 * change that.
 */
export async function lockDown(connection: DuckDBConnection, { folders, files = [] }: Reach): Promise<void> {
  const list = (paths: readonly string[]) => `[${paths.map(literal).join(', ')}]`;
  await connection.run(`SET allowed_paths = ${list(files)}`);
  await connection.run(`SET allowed_directories = ${list(folders)}`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}
