import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { movedFrom } from './duckdb-fault.js';
import { literal, literalList } from './sql.js';

/**
 * The first DuckDB that resolves links in the path of a database. Older ones keep the path as
 * given, and cannot be asked.
 */
const firstToResolve = 'v1.5';

/**
 * Returns the paths by which DuckDB knows a published database; undefined if they have no slashes.
 */
export function locationOf(duckdbPath: string): string[] | undefined {
  if (process.platform === 'win32') return undefined;
  return [...new Set([join(realpathSync.native(dirname(duckdbPath)), basename(duckdbPath)), duckdbPath])];
}

/**
 * The view `_bus.here`: one row, or an error if the database was opened from another place. Its
 * views have absolute paths, so those of a copied folder would read the original's data.
 */
export function hereView(location: readonly string[]): string {
  const path = location.at(-1) as string;
  const problem = `${movedFrom(path)}: its folder was copied or moved. Start the daemon there (quantbot-bus start), which publishes it again.`;
  return `CREATE VIEW _bus.here AS SELECT CASE WHEN n = 0 THEN error(${literal(problem)}) ELSE true END AS _bus_is_here
FROM (SELECT count(*) AS n FROM duckdb_databases() WHERE list_contains(${literalList(location)}, path) OR version() < ${literal(firstToResolve)})`;
}

/** The SQL that lets a view read its files only in the right place. */
export interface Condition {
  /** Appended to the files in FROM. */
  from: string;
  /** The condition for WHERE. */
  holds: string;
}

/**
 * A join instead of a subquery, so that DuckDB still applies other filters, and those on file
 * names, before it reads.
 */
export const onlyHere: Condition = { from: ', _bus.here', holds: 'here._bus_is_here' };

/** For a database without a fixed path. */
export const anywhere: Condition = { from: '', holds: 'true' };
