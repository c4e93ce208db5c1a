import type { Command } from 'commander';
import { type BusStatus, readStatus } from '../../status.js';
import { busCommand, type CommonOptions, configOf, print } from '../shared.js';

/** `quantbot-bus status`: what waits, what became of the rest, who writes. */
export const statusCommand = (): Command =>
  busCommand('status', 'Show queue, counts by state, last commit, exports, and who is the writer.').action(
    async (options: CommonOptions) => {
      const status = await readStatus(configOf(options));
      print(options, status, () => describeStatus(status));
    },
  );

function describeStatus(status: BusStatus): string {
  const { writer, daemon, queue, jobs, lastCommit } = status;
  const lines = [
    `bus       ${status.busRoot}${status.initialised ? '' : ' (no daemon has run here yet)'}`,
    `writer    ${writer === null ? 'none' : `process ${writer.pid} on ${writer.host} since ${writer.since}`}`,
    ...(daemon?.state === 'paused' ? [`paused    since ${daemon.since}: ${daemon.cause?.message}`] : []),
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
