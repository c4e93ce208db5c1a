import { findBusConfig } from '@quantbot/infra';
import { Command } from 'commander';
import { type BusStatus, readStatus } from '../../status.js';

/** `quantbot-bus status`: what waits, what became of the rest, who writes. */
export const statusCommand = (): Command =>
  new Command('status')
    .description('Show queue, counts by state, last commit, exports, and who is the writer.')
    .option('-c, --config <file>', 'bus_config.json (else QUANTBOT_BUS_CONFIG, else the nearest one upwards)')
    .option('--json', 'print JSON')
    .action(async (options: { config?: string; json?: boolean }) => {
      const status = await readStatus(findBusConfig({ config: options.config }).config);
      console.log(options.json ? JSON.stringify(status, null, 2) : describeStatus(status));
    });

/** The status as lines for people. */
export function describeStatus(status: BusStatus): string {
  const { writer, queue, jobs, lastCommit } = status;
  const lines = [
    `bus       ${status.busRoot}${status.initialised ? '' : ' (no daemon has run here yet)'}`,
    `writer    ${writer === null ? 'none' : `process ${writer.pid} on ${writer.host} since ${writer.since}`}`,
    `queue     ${queue.waiting} waiting, ${queue.claimed} in work${queue.uncommitted > 0 ? `, ${queue.uncommitted} without COMMIT` : ''}`,
    jobs === null
      ? 'jobs      no database yet'
      : `jobs      ${jobs.ingested} ingested, ${jobs.duplicate} duplicate, ${jobs.rejected} rejected; ${status.artifacts} artifacts`,
    `last      ${lastCommit === null ? 'nothing committed yet' : `seq ${lastCommit.seq}, ${lastCommit.jobId}, at ${lastCommit.at}`}`,
  ];
  for (const [name, entry] of Object.entries(status.exports))
    lines.push(
      `export    ${name}: ${entry.ok ? `${entry.rows} rows as of seq ${entry.as_of_seq}` : `FAILED: ${entry.error}`}`,
    );
  return lines.join('\n');
}
