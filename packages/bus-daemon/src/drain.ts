import { missingVariables } from '@quantbot/bus-care/notify';
import { DaemonError } from '@quantbot/bus-format';
import { createLogger } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import { startDaemon } from './daemon.js';

/**
 * Settles all that waits, with a daemon of our own; the one that runs, if any, does it otherwise.
 */
export async function drainUnlessRunning(config: BusConfig, level: 'warn' | 'silent' = 'warn'): Promise<void> {
  try {
    const logger = createLogger({ name: 'quantbot-bus', level });
    // The hooks' variables are the daemon's; whoever runs a command need not have them.
    const notify = config.notify.filter(hook => missingVariables(hook, process.env).length === 0);
    const daemon = await startDaemon({ config: { ...config, notify, lockTimeoutMs: 0 }, logger, drain: true });
    await daemon.finished;
  } catch (error) {
    if (!(error instanceof DaemonError) || error.code !== 'LOCK_TIMEOUT') throw error;
  }
}
