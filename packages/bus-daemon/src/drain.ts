import { missingVariables } from '@quantbot/bus-care/notify';
import { DaemonError } from '@quantbot/bus-format';
import { createLogger } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { startDaemon } from './daemon.js';

/**
 * Starts a daemon that settles all waiting jobs and ends. If a daemon is already running, it picks
 * the jobs up instead.
 */
export async function drainUnlessRunning(config: BusConfig): Promise<void> {
  try {
    // The command says itself that its job is rejected.
    const logger = createLogger({ name: 'quantbot-bus', level: 'error' });
    // The environment of a command may lack the variables of the daemon's hooks.
    const notify = config.notify.filter(hook => missingVariables(hook, process.env).length === 0);
    const daemon = await startDaemon({ config: { ...config, notify, lockTimeoutMs: 0 }, logger, drain: true });
    await daemon.finished;
  } catch (error) {
    if (!(error instanceof DaemonError) || error.code !== 'LOCK_TIMEOUT') throw error;
  }
}
