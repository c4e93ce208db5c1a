import { query } from '@quantbot/bus-format/duckdb';
import type { OpenLake } from '@quantbot/storage/lake';
import { currentFiles } from './lake-files.js';
import { mergeTables, smallBytes } from './merge.js';
import { metadata } from './tables.js';
import type { LakePlace } from './write-file.js';

/** The limits beyond which maintenance acts. */
export interface MaintenanceLimits {
  /** Rows of the journal that PostgreSQL may hold. With more, looking for a key gets slow. */
  inlinedRows: number;
  /** Files of less than 64 MB that a table may have before they are merged. */
  smallFiles: number;
  /** Snapshots are kept this long, for DuckLake's own time travel (seconds). */
  snapshotsS: number;
  /** Files that no snapshot names are kept this long, for running queries (seconds). */
  filesS: number;
}

/** Limits for a bus in use. */
export const maintenanceLimits: MaintenanceLimits = {
  inlinedRows: 10_000,
  smallFiles: 64,
  snapshotsS: 3600,
  filesS: 86_400,
};

/**
 * Keeps the lake small and fast: writes inlined rows into files, merges small files, and removes
 * files that only old snapshots name. Only the publisher calls it, between commits. It removes only
 * files below `lake/`.
 *
 * DuckLake writes the files of the journal itself. If the answer to its COMMIT is lost, it removes
 * a file that the commit names; {@link isLakeWhole} finds that.
 *
 * @returns whether something was done.
 */
export async function maintainLake(
  lake: Pick<OpenLake, 'connection'>,
  place: LakePlace,
  limits: MaintenanceLimits = maintenanceLimits,
): Promise<boolean> {
  const { connection } = lake;
  const [counted] = await query<{ inlined: bigint; small: bigint }>(
    connection,
    `SELECT (SELECT count(*) FROM _bus.journal) - coalesce(sum(rows)::BIGINT, 0) AS inlined,
       count(*) FILTER (WHERE bytes < ${smallBytes}) AS small FROM (${currentFiles(`${metadata}.`)}) WHERE schema = '_bus'`,
  );
  const { inlined = 0n, small = 0n } = counted ?? {};
  const flushes = inlined > limits.inlinedRows;
  if (flushes)
    await connection.run(`CALL ducklake_flush_inlined_data('lake', schema_name => '_bus', table_name => 'journal')`);
  // The journal has no column of a type for which a Bloom filter misses rows.
  const merges = small > limits.smallFiles;
  if (merges) await connection.run(`CALL ducklake_merge_adjacent_files('lake', 'journal', schema => '_bus')`);
  const merged = await mergeTables(lake, place, limits.smallFiles);
  await connection.run(`CALL ducklake_expire_snapshots('lake', older_than => ${ago(limits.snapshotsS)})`);
  await connection.run(`CALL ducklake_cleanup_old_files('lake', older_than => ${ago(limits.filesS)})`);
  return flushes || merges || merged;
}

const ago = (seconds: number): string => `now() - to_seconds(${seconds})`;

/**
 * Whether all files that DuckLake wrote itself, and that the lake names, exist. If not, the lake
 * must be rebuilt.
 *
 * @param isThere looks for an object by its key.
 */
export async function isLakeWhole(
  { connection }: Pick<OpenLake, 'connection'>,
  isThere: (key: string) => Promise<boolean>,
): Promise<boolean> {
  const files = await query<{ path: string }>(
    connection,
    `SELECT path FROM (${currentFiles(`${metadata}.`)}) WHERE NOT is_ours`,
  );
  for (const { path } of files) if (!(await isThere(path))) return false;
  return true;
}
