import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import open from 'open';
import { type DemoDaemon, startDaemon } from './processes.js';
import type { Workspace } from './workspace.js';

const address = '127.0.0.1:7171';
const capital = 100_000;

/**
 * Starts the daemon with its dashboard. A chart shows the profit of each preset's trades, from a
 * golden export. On a terminal this opens a browser.
 */
export async function startWithDashboard(workspace: Workspace): Promise<{ daemon: DemoDaemon; url: string }> {
  const { config, data } = workspace;
  const events = join(data, 'exports/sim_events.parquet').replaceAll("'", "''");
  const settings = {
    http: {
      charts: [
        {
          title: 'Equity of each preset, from the golden export',
          sql: `SELECT ts, ${capital} + pnl_so_far AS equity, split_part(_artifact_key, '/', 1) AS run
FROM read_parquet('${events}') WHERE type = 'exit' ORDER BY ts`,
        },
      ],
    },
  };
  writeFileSync(config, `${JSON.stringify(settings, null, 2)}\n`);
  const daemon = await startDaemon(workspace, ['--http', address]);
  const url = `http://${address}`;
  if (process.stdout.isTTY) await open(url).catch(() => {}); // without a browser, the printed address must do
  return { daemon, url };
}
