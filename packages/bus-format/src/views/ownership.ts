import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { BusLayout, BusMarker } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { query } from '../duckdb.js';
import { openFault } from '../duckdb-fault.js';
import { daemonError, ignoreMissing } from '../errors.js';
import { literal } from '../sql.js';
import { isBeingReplaced } from '../state/adoption-record.js';
import { recordOf } from '../state/published.js';
import { ownViewComment } from './people.js';
import { configuredViewComment } from './view-name.js';

/**
 * Checks that the file at `duckdb_path` may be replaced. It may be the file that this bus
 * published, unchanged (inode, size, time). It may be an empty file, a folder or a FIFO, which are
 * no database: a folder is moved aside. It may be one of this bus's databases from a backup,
 * with only the bus's own views. Or it may be an old database whose rows are all in the bus and
 * which has a second name (see adopt/).
 *
 * @throws DaemonError `FOREIGN_DATABASE`: the file does not come from this bus, another program
 * wrote to it, or it has a write-ahead log.
 */
export async function assertOurs({
  config,
  layout,
  marker,
}: {
  config: BusConfig;
  layout: BusLayout;
  marker: BusMarker;
}): Promise<void> {
  const path = config.duckdbPath;
  const info = await stat(path).catch(ignoreMissing);
  if ((await stat(`${path}.wal`).catch(ignoreMissing)) !== undefined)
    throw daemonError(
      'FOREIGN_DATABASE',
      `${path} has a write-ahead log of another program beside it. The bus leaves both as they are.`,
    );
  if (info === undefined || isNobodys(info)) return;
  if ((await recordOf(layout, path)) !== undefined) return;
  if (await isBeingReplaced(layout, path, info)) return;
  const content = await contentOf(path, marker.bus_id);
  // A file that was published here and is no longer a database is damaged. No program has stored
  // data of its own in it.
  if (content === 'unreadable' && (await wasPublishedAs(layout, info.ino))) return;
  if (content !== 'ours')
    throw daemonError(
      'FOREIGN_DATABASE',
      `${path} does not come from this bus, or another program has written to it. The bus leaves it as it is.`,
      {
        hint: `Run \`quantbot-bus adopt ${path}\` to bring its tables into the bus. Or move it aside (\`mv ${path} ${path}.before-bus\`), and the bus publishes its own.`,
      },
    );
}

/** Whether the path holds no rows that could be lost. */
const isNobodys = (info: Stats): boolean => !info.isFile() || info.size === 0;

/** Whether a file has a second link among the published databases, whatever its record says. */
async function wasPublishedAs({ published }: BusLayout, ino: number): Promise<boolean> {
  for (const name of await readdir(published)) {
    if (!name.endsWith('.duckdb')) continue;
    if ((await stat(join(published, name)).catch(ignoreMissing))?.ino === ino) return true;
  }
  return false;
}

async function contentOf(path: string, busId: string): Promise<'ours' | 'foreign' | 'unreadable'> {
  try {
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY', threads: '1' });
    const connection = await instance.connect();
    try {
      const [ours] = await query<{ bus_id: string }>(connection, 'SELECT bus_id FROM catalog.bus_info');
      const [foreign] = await query<{ n: bigint }>(
        connection,
        `SELECT (SELECT count(*) FROM duckdb_tables()) + (SELECT count(*) FROM duckdb_views()
           WHERE NOT internal AND schema_name NOT IN ('_bus', '_rows', 'catalog', 'canon')
           AND coalesce(comment, '') NOT IN (${literal(configuredViewComment)}, ${literal(ownViewComment)})) AS n`,
      );
      return ours?.bus_id === busId && Number(foreign?.n) === 0 ? 'ours' : 'foreign';
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  } catch (error) {
    return openFault(error) === 'invalid' ? 'unreadable' : 'foreign';
  }
}
