import type { MaintenanceWork } from './writer/loop/maintenance.js';

/** A running daemon. */
export interface Daemon {
  /** URL of its dashboard, if `http.listen` is configured. */
  url: string | undefined;
  /** Finishes the batch in hand, then ends. */
  stop(): Promise<void>;
  /** Resolves when the daemon has ended; rejects if an error stopped it. */
  finished: Promise<void>;
  /** The work whose last attempt failed. The log has the reasons, and the next start retries it. */
  readonly failed: readonly MaintenanceWork[];
}
