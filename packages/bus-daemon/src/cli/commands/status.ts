import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import { createLogUpdate } from 'log-update';
import { type BusStatus, readStatus } from '../../status.js';
import type { BusCommand } from '../bus-command.js';
import { untilInterrupted } from '../interrupt.js';
import { busCommand, type CommonOptions, configOf, forTerminal, jsonText, print } from '../shared.js';

interface Options extends CommonOptions {
  watch?: true | number;
}

const defaultWatchS = 1;

/** `quantbot-bus status [--watch]`: what waits, what became of the rest, who writes. */
export const statusCommand = (): BusCommand =>
  busCommand('status', 'Show queue, counts by state, last commit, exports, and who is the writer.')
    .option(
      '-w, --watch [seconds]',
      `go on showing it, every so often (${defaultWatchS} s), until interrupted`,
      parseSeconds,
    )
    .explain({
      notes: 'Without a terminal --watch prints the state whenever it has changed; with --json a line each time.',
      examples: ['quantbot-bus status', 'quantbot-bus status --watch 5', 'quantbot-bus status --watch --json'],
    })
    .action(async (options: Options) => {
      if (options.watch !== undefined) return watch(options, options.watch === true ? defaultWatchS : options.watch);
      const status = await readStatus(configOf(options));
      print(options, status, () => describeStatus(status));
    });

async function watch(options: Options, everyS: number): Promise<void> {
  const config = configOf(options);
  const show = options.json || !process.stdout.isTTY ? showChanges() : createLogUpdate(process.stdout);
  const end = untilInterrupted();
  while (!end.aborted) {
    const status = await readStatus(config);
    show(options.json ? jsonText(status) : forTerminal(describeStatus(status)));
    await sleep(everyS * 1000, undefined, { signal: end }).catch(() => {});
  }
}

function showChanges(): (text: string) => void {
  let shown: string | undefined;
  return text => {
    if (text !== shown) console.log(text);
    shown = text;
  };
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 86_400)) throw new InvalidArgumentError('Write a number of seconds.');
  return seconds;
}

function describeStatus(status: BusStatus): string {
  const { writer, daemon, queue, jobs, lastCommit } = status;
  const lines = [
    `bus       ${status.busRoot}${status.initialised ? '' : ' (no daemon has run here yet)'}`,
    `writer    ${writer === null ? 'none' : `process ${writer.pid} on ${writer.host} since ${writer.since}`}`,
    ...(daemon?.state === 'paused' ? [`paused    since ${daemon.since}: ${daemon.cause?.message}`] : []),
    ...(daemon?.waitingTables ?? []).map(
      ({ table, since, message }) => `waits     canon.${table} is not compacted since ${since}: ${message}`,
    ),
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
