import { type BusConfig, createLogger } from '@quantbot/infra';
import { startDaemon } from './daemon.js';
import { DaemonError } from './errors.js';

/** Settles all that waits, with a daemon of our own; the one that runs, if any, does it otherwise. */
export async function drainUnlessRunning(config: BusConfig, level: 'warn' | 'silent' = 'warn'): Promise<void> {
  try {
    const logger = createLogger({ name: 'quantbot-bus', level });
    const daemon = await startDaemon({ config: { ...config, lockTimeoutMs: 0 }, logger, drain: true });
    await daemon.finished;
  } catch (error) {
    if (!(error instanceof DaemonError) || error.code !== 'LOCK_TIMEOUT') throw error;
  }
}
