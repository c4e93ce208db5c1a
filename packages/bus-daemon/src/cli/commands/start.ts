import { createLogger } from '@quantbot/infra';
import { type BusConfig, findBusConfig, parseBusConfig } from '@quantbot/infra/config';
import { startDaemon } from '../../daemon.js';
import { defaultListen } from '../defaults.js';
import { stopSignals } from '../hangup.js';
import { isOrphaned, scriptParents } from '../script-parents.js';

const parentCheckMs = 500;

/** `quantbot-bus start`: runs the daemon in the foreground. */
export async function startCommand(options: { config?: string; drain?: boolean; http?: string | true }): Promise<void> {
  // Set a name that `ps aux | grep bus_daemon` finds.
  process.title = `bus_daemon ${process.argv.slice(2).join(' ')}`;
  const { path, config: found } = findBusConfig({ config: options.config });
  const config = { ...found, http: { ...found.http, listen: listenOf(options.http, found) } };
  const logger = createLogger({ name: 'bus_daemon', level: process.env.QUANTBOT_LOG_LEVEL ?? config.logLevel });
  logger.info({ config: path ?? 'defaults', database: config.duckdbPath }, 'bus daemon starting');
  const daemon = await startDaemon({ config, logger, drain: options.drain ?? false, tellSystemd: true });
  const stopWatching = onStopRequest(signal => {
    logger.info({ signal }, 'stopping after the current batch; a second signal exits at once');
    daemon.stop().catch(() => {}); // `finished` reports it
  });
  try {
    await daemon.finished;
    if (options.drain === true && daemon.failed.length > 0) {
      logger.error(
        { failed: daemon.failed },
        'drained, but not all work beside it succeeded; the next start retries it',
      );
      process.exitCode = 2;
    }
  } finally {
    stopWatching();
  }
}

/** Returns the address to listen on: that of the command line, or else of the configuration. */
function listenOf(option: string | true | undefined, { http }: BusConfig): string | undefined {
  if (option === undefined) return http.listen;
  if (option === true) return http.listen ?? defaultListen;
  return parseBusConfig(JSON.stringify({ http: { listen: option } }), 'the option --http').http.listen;
}

/**
 * Calls `stop` for the first of {@link stopSignals}, or if a package manager that does not forward
 * signals has ended. A second signal ends the process.
 */
function onStopRequest(stop: (reason: string) => void): () => void {
  let asked = false;
  const ask = (reason: string) => {
    if (asked) process.exit(130);
    asked = true;
    stop(reason);
  };
  const signals = stopSignals();
  for (const signal of signals) process.on(signal, ask);
  const parents = scriptParents();
  const timer = setInterval(() => {
    if (!asked && isOrphaned(parents)) ask('parent gone');
  }, parentCheckMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    for (const signal of signals) process.off(signal, ask);
  };
}
