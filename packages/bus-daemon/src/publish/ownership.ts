import { stat } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { isBeingReplaced } from '../adopt/record.js';
import type { Bus } from '../bus.js';
import { query } from '../duckdb.js';
import { daemonError, ignoreMissing } from '../errors.js';
import { literal } from '../sql.js';
import { configuredViewComment } from './own-views.js';
import { listPublished } from './published.js';

/**
 * Makes sure that what lies at `duckdb_path` may be replaced: it is the file that this bus published, unchanged (inode, size, time), or
 * one of this bus's that came here by another way (a backup put back) and holds nothing but the bus's own views, or an old one whose rows are all in
 * the bus and which has another name beside (see adopt/).
 *
 * @throws DaemonError `FOREIGN_DATABASE`: it is somebody else's, somebody wrote into it, or a write-ahead log lies beside it.
 */
export async function assertOurs({ config, layout, marker }: Pick<Bus, 'config' | 'layout' | 'marker'>): Promise<void> {
  const path = config.duckdbPath;
  const info = await stat(path).catch(ignoreMissing);
  if ((await stat(`${path}.wal`).catch(ignoreMissing)) !== undefined)
    throw daemonError(
      'FOREIGN_DATABASE',
      `${path} has a write-ahead log of another program beside it; both are left as they are.`,
    );
  if (info === undefined) return;
  const records = await listPublished(layout);
  if (records.some(record => record.ino === info.ino && record.size === info.size && record.mtimeMs === info.mtimeMs))
    return;
  if (await isBeingReplaced(layout, path, info)) return;
  if (!(await holdsOnlyOurViews(path, marker.bus_id)))
    throw daemonError(
      'FOREIGN_DATABASE',
      `${path} was not made by this bus, or was written into; it is left as it is.`,
      {
        hint: `quantbot-bus adopt ${path} shows how its tables become tables of the bus. Or move it aside (mv ${path} ${path}.before-bus): the bus then publishes its own.`,
      },
    );
}

async function holdsOnlyOurViews(path: string, busId: string): Promise<boolean> {
  try {
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY', threads: '1' });
    const connection = await instance.connect();
    try {
      const [ours] = await query<{ bus_id: string }>(connection, 'SELECT bus_id FROM catalog.bus_info');
      const [foreign] = await query<{ n: bigint }>(
        connection,
        `SELECT (SELECT count(*) FROM duckdb_tables()) + (SELECT count(*) FROM duckdb_views()
           WHERE NOT internal AND schema_name NOT IN ('_bus', '_rows', 'catalog', 'canon')
           AND comment IS DISTINCT FROM ${literal(configuredViewComment)}) AS n`,
      );
      return ours?.bus_id === busId && Number(foreign?.n) === 0;
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  } catch {
    return false; // whatever it is, it is not one of ours
  }
}
