import type { WaitingTable } from '@quantbot/bus-format/state';
import type { ExportState } from '../exports/export-state.js';
import type { LoopHealth } from './pulse.js';

/** The part of the daemon's loop that onlookers may see. */
export interface LoopView {
  health: LoopHealth;
  /** The COMMIT of the oldest job that waits, as far as it was found (milliseconds since 1970). */
  oldestWaitingMs: number | undefined;
  exports(): Promise<ExportState[]>;
  /** Whether it ends by itself when no job waits. */
  drains: boolean;
  /** Aborted when it has been asked to end. */
  stopRequested: AbortSignal;
  /** The canonical tables that a damaged file keeps waiting. */
  waitingTables: readonly WaitingTable[];
}
