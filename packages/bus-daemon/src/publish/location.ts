import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type DeclaredColumn, identifier, literal, literalList } from '../sql.js';

/** DuckDB resolves links in the path of a database that it opens, as this does; older ones take it as it was given, and cannot be asked. */
const firstToResolve = 'v1.5';

/** The paths by which DuckDB knows a published database; undefined where they are not written with slashes. */
export function locationOf(duckdbPath: string): string[] | undefined {
  if (process.platform === 'win32') return undefined;
  return [...new Set([join(realpathSync.native(dirname(duckdbPath)), basename(duckdbPath)), duckdbPath])];
}

/**
 * `_bus.elsewhere`: an error where the database was opened from another place. Its views name files by absolute paths, so those of a copied
 * folder would read the original's data.
 */
export function elsewhereView(location: readonly string[]): string {
  const path = location.at(-1) as string;
  const problem = `This database was published as ${path} and lies elsewhere now: its folder was copied or moved. Start the daemon there (quantbot-bus start), which publishes it anew.`;
  return `CREATE VIEW _bus.elsewhere AS SELECT CASE WHEN n = 0 THEN CAST(error(${literal(problem)}) AS VARCHAR) END AS problem
FROM (SELECT count(*) AS n FROM duckdb_databases() WHERE path IN (SELECT unnest(${literalList(location)})) OR version() < ${literal(firstToResolve)})`;
}

/**
 * The first part of a UNION ALL that has no rows, or fails where the database lies elsewhere. Every column depends on the check, so that no
 * filter over the union leaves it out.
 */
export const unlessElsewhere = (columns: readonly DeclaredColumn[]): string =>
  `SELECT ${columns.map(({ name, type }) => `CAST(problem AS ${type}) AS ${identifier(name)}`).join(', ')} FROM _bus.elsewhere WHERE problem IS NOT NULL`;
