import { readDaemonState } from '@quantbot/bus-format/state';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, fine } from '../finding.js';
import { isSuspended } from '../processes.js';
import { duration } from '../words.js';

/** A turn of the daemon's loop has no time limit, but no healthy turn takes this long. */
const silentMs = 300_000;

/** Checks that the running daemon makes progress. */
export async function daemon({ writer: { pid, where }, config, now, run }: ExaminedBus): Promise<Finding[]> {
  if (where === 'hidden') return [fine('daemon', 'it runs where doctor cannot see it')];
  if (where !== 'here' || pid === undefined) return [fine('daemon', 'no daemon runs on this machine')];
  const restart = `\`kill ${pid}\`, then ${run('start')}`;
  if (isSuspended(pid))
    return [
      finding(
        'DAEMON_SUSPENDED',
        `The daemon (process ${pid}) was suspended by a signal, and holds the lock.`,
        `\`kill -CONT ${pid}\``,
      ),
    ];
  const state = readDaemonState(config.busRoot);
  if (state?.pid !== pid) return [fine('daemon', `process ${pid} runs, and has not reported its state yet`)];
  const silent = now - Date.parse(state.at);
  if (silent > silentMs + config.pollIntervalMs)
    return [
      finding(
        'DAEMON_SILENT',
        `The daemon (process ${pid}) has not finished a turn of its loop for ${duration(silent)}.`,
        `Read its log. If it does nothing, \`kill -9 ${pid}\` (nothing is lost), then ${run('start')}`,
      ),
    ];
  if (state.state !== 'paused' || state.cause === null) return [fine('daemon', `${state.state} since ${state.since}`)];
  const { code, message, hint } = state.cause;
  return [
    finding(
      'DAEMON_PAUSED',
      `The daemon has been paused since ${state.since}. It retries by itself, and nothing is lost. The cause: ${code === null || message.startsWith(code) ? message : `${code}: ${message}`}`,
      `${hint} If it does not resume then: ${restart}`,
    ),
  ];
}
