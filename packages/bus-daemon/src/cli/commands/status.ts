import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BusStatus,
  describeExports,
  describeGc,
  describeJobs,
  describeScrub,
  describeSpace,
  readStatus,
} from '@quantbot/bus-care/status';
import { withClusterPackage } from '../../cluster-package.js';
import { defaultWatchS } from '../defaults.js';
import { untilInterrupted } from '../interrupt.js';
import { cutToTerminal } from '../pager.js';
import { type CommonOptions, configOf, forTerminal, jsonText, print } from '../shared.js';

/** Shows a state. `news` is what changes only with the bus. */
type Show = (text: string, news: string) => void;

interface Options extends CommonOptions {
  watch?: true | number;
}

/** `quantbot-bus status [--watch]`: prints waiting jobs, outcomes and the writer. */
export async function statusCommand(options: Options): Promise<void> {
  if (options.watch !== undefined) return watch(options, options.watch === true ? defaultWatchS : options.watch);
  const { status, describe } = await statusOf(options);
  print(options, status, describe);
}

async function watch(options: Options, everyS: number): Promise<void> {
  const show = options.json || !process.stdout.isTTY ? showChanges() : await showInPlace();
  const end = untilInterrupted();
  while (!end.aborted) {
    const { status, describe } = await statusOf(options);
    // Free space changes all the time, and is no news of the bus.
    const news = jsonText({ ...status, disk: null });
    show(options.json ? jsonText(status) : forTerminal(describe()), news);
    await sleep(everyS * 1000, undefined, { signal: end }).catch(() => {});
  }
}

/** Reads the status of one machine or of a cluster. */
async function statusOf(options: Options): Promise<{ status: object; describe: () => string }> {
  const config = configOf(options);
  if (config.cluster === undefined) {
    const status = await readStatus(config);
    return { status, describe: () => cutToTerminal(describeStatus(status), tellsOfProblem) };
  }
  const care = await withClusterPackage(() => import('@quantbot/bus-cluster/care'));
  const status = await care.readClusterStatus(config.cluster, options.config);
  return { status, describe: () => cutToTerminal(care.describeClusterStatus(status), tellsOfProblem) };
}

/** A status fits on one screen, but a problem is told in full. */
const tellsOfProblem = (line: string): boolean => /^(paused|waits|damaged) |: failed: /i.test(line);

/** Returns a function that prints a state; on a terminal it replaces the previous one. */
async function showInPlace(): Promise<Show> {
  const { createLogUpdate } = await import('log-update');
  return createLogUpdate(process.stdout);
}

function showChanges(): Show {
  let shown: string | undefined;
  return (text, news) => {
    if (news !== shown) console.log(text);
    shown = news;
  };
}

function describeStatus(status: BusStatus): string {
  const { writer, daemon, queue, jobs, lastCommit } = status;
  const lines = [
    `bus       ${status.busRoot}${status.initialised ? '' : ' (no daemon has run here yet)'}`,
    `writer    ${writer === null ? 'none' : `process ${writer.pid} on ${writer.host} since ${writer.since}`}`,
    ...(daemon?.state === 'paused' ? [`paused    since ${daemon.since}: ${daemon.cause?.message}`] : []),
    ...(daemon?.waitingTables ?? []).map(
      ({ table, since, message }) => `waits     canon.${table} has not been compacted since ${since}: ${message}`,
    ),
    `queue     ${queue.waiting} waiting, ${queue.claimed} in progress${queue.uncommitted > 0 ? `, ${queue.uncommitted} without COMMIT` : ''}`,
    jobs === null ? 'jobs      no database yet' : `jobs      ${describeJobs(jobs)}; ${status.artifacts} artifacts`,
    `last      ${lastCommit === null ? 'nothing committed yet' : `seq ${lastCommit.seq}, ${lastCommit.jobId}, at ${lastCommit.at}`}`,
  ];
  lines.push(...describeSpace(status.space, status.disk?.freeBytes));
  lines.push(
    ...describeExports(
      Object.entries(status.exports).map(([name, entry]) => ({
        isOk: entry.ok,
        text: `${name}: ${entry.ok ? `${entry.rows} rows as of seq ${entry.as_of_seq}` : `FAILED: ${entry.error}`}`,
      })),
    ),
  );
  return [...lines, ...describeScrub(status.scrub), ...describeGc(status.gc)].join('\n');
}
