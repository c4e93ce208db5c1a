import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import open from 'open';
import { type DemoDaemon, startDaemon } from './processes.js';
import type { Workspace } from './workspace.js';

const address = '127.0.0.1:7171';
const capital = 100_000;

/** What each preset's trades have brought so far, as a golden export of its own. */
const equitySql = `SELECT ts, ${capital} + pnl_so_far AS equity, split_part(_artifact_key, '/', 1) AS run
FROM _rows.sim_events WHERE type = 'exit' ORDER BY run, ts`;

/** The daemon with its dashboard, which draws that export; on a terminal a browser opens on it. */
export async function startWithDashboard(workspace: Workspace): Promise<{ daemon: DemoDaemon; url: string }> {
  const { data } = workspace;
  const config = join(data, 'bus_config.json');
  const equity = join(data, 'exports/equity.parquet');
  const settings = {
    bus_root: 'bus',
    duckdb_path: 'alerts.duckdb',
    export: { export_dir: 'exports', jobs: [{ name: 'equity', sql: equitySql }] },
    http: {
      charts: [
        {
          title: 'Equity of each preset, from the golden export',
          sql: `SELECT ts, equity, run FROM read_parquet('${equity.replaceAll("'", "''")}') ORDER BY ts`,
        },
      ],
    },
  };
  writeFileSync(config, `${JSON.stringify(settings, null, 2)}\n`);
  const daemon = await startDaemon({ ...workspace, config }, ['--http', address]);
  const url = `http://${address}`;
  if (process.stdout.isTTY) await open(url).catch(() => {}); // where there is no browser, the address is printed
  return { daemon, url };
}
