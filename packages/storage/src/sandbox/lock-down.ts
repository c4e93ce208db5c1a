import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import type { BusLayout } from '@quantbot/infra/bus';
import type { LakeAddress } from '../lake/open-lake.js';

/**
 * The files that untrusted SQL may reach. DuckDB permits writing there too, so run one SELECT only.
 */
export interface Reach {
  folders: readonly string[];
  /** Single files in addition. */
  files?: readonly string[];
}

/**
 * Returns the folders in which only the daemon can create names. Untrusted SQL may name files
 * there.
 */
export const foldersOfDaemon = ({ store, canon, hot, segments }: BusLayout, exportDir: string): string[] => [
  store,
  canon,
  hot,
  segments,
  exportDir,
];

/** The same for a cluster: its daemons and producers create these files, under checked names. */
export const foldersOfCluster = ({ root }: LakeAddress): string[] =>
  ['store', 'lake', 'exports'].map(folder => `${root}/${folder}`);

/** Limits the connection's SQL to these folders and files, irrevocably. */
export async function lockDown(connection: DuckDBConnection, { folders, files = [] }: Reach): Promise<void> {
  const list = (paths: readonly string[]) => `[${paths.map(literal).join(', ')}]`;
  await connection.run(`SET allowed_paths = ${list(files)}`);
  await connection.run(`SET allowed_directories = ${list(folders)}`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}
